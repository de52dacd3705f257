"""Unexpected exceptions in a stage: a bug of ours, or data that the code does not handle.

The row is retried with growing delays and `ErrorCode.INTERNAL`, so that it delays no other row; it
goes on by itself once the code is fixed.
"""

import structlog

from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import ErrorCode

log = structlog.get_logger(__name__)


def log_unexpected_error(generation: Generation, error: Exception, *, step: str) -> None:
    """Log it: with the traceback the first time, in one line each further time."""
    is_known = generation.error_code == ErrorCode.INTERNAL
    log.error(
        "step failed",
        step=step,
        generation=generation.pk,
        reason=type(error).__name__,
        exc_info=None if is_known else error,
    )
