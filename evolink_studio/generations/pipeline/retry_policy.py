"""A row that no code can work on: a bug of ours, or facts that nobody thought of.

It is put off like any other trouble, further each time, so that it delays nobody and is found by
its code; when the code is mended it goes on by itself.
"""

import structlog

from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import ErrorCode

log = structlog.get_logger(__name__)


def log_unexpected_error(generation: Generation, error: Exception, *, step: str) -> None:
    """Log it: in full the first time, in a line as often as it comes again."""
    is_known = generation.error_code == ErrorCode.INTERNAL
    log.error(
        "step failed",
        step=step,
        generation=generation.pk,
        reason=type(error).__name__,
        exc_info=None if is_known else error,
    )
