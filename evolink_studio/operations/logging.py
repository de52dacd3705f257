"""Log processors for requests and exceptions. Lines are JSON, so no value can forge a line."""

import logging
import re
from http import HTTPStatus
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger


def add_request_fields(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Add method and status to Django's lines about a request, and replace its path by its route.

    The path itself may hold the secret of a sign-in link or of a callback.
    """
    record: Any = event.get("_record")
    request = getattr(record, "request", None)
    if request is None:
        return event
    match = getattr(request, "resolver_match", None)
    if match:
        event["event"] = str(event["event"]).replace(request.path, f"/{match.route}")
    return {**event, "method": request.method, "status": getattr(record, "status_code", None)}


def is_worth_a_line(record: logging.LogRecord) -> bool:
    """Monitors ask for the head of anything, and are told which methods there are."""
    request = getattr(record, "request", None)
    is_refused = getattr(record, "status_code", None) == HTTPStatus.METHOD_NOT_ALLOWED
    return not (is_refused and request is not None and request.method == "HEAD")


def format_exception(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """The traceback as text, without the rows PostgreSQL quotes: they hold people's prompts."""
    event = structlog.processors.format_exc_info(logger, name, event)
    text = event.get("exception")
    return (
        {**event, "exception": _QUOTED_ROW_PATTERN.sub("", text)}
        if isinstance(text, str)
        else event
    )


# A quoted row may have line breaks of its own; it ends where the next exception of a chain begins.
_QUOTED_ROW_PATTERN = re.compile(
    r"\nDETAIL:.*?(?=\n\n(?:The above exception was|During handling of)|\Z)", re.DOTALL
)
