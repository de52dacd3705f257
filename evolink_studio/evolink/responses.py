"""Parses a response into a type of `types`, or raises one of `errors`. No HTTP here.

Error bodies and codes: EvoLink documentation, stated 2026-11-20, added to 2026-11-29. A refusal is
certain only in EvoLink's own words: a status of `_REFUSAL_STATUSES` or 429, over a body that is an
error. Anything else may come from a proxy on the way, or hide a task that was taken. A 429 without
such a body is no exception: it is the one 4xx after which the paid request is sent again.
A code decides only if the status has two meanings, or is 200 over an error.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from pydantic import ValidationError

from evolink_studio.evolink.errors import (
    AuthenticationError,
    EvoLinkError,
    InsufficientCreditsError,
    NotFoundError,
    RateLimitError,
    RequestRejected,
    ServiceUnavailableError,
)
from evolink_studio.evolink.redaction import sanitize_text
from evolink_studio.evolink.result_links import is_link
from evolink_studio.evolink.timestamps import parse_timestamp
from evolink_studio.evolink.transport import RawResponse
from evolink_studio.evolink.types import ProviderBalance, RemoteFile, Task, TaskSummary

MAX_RETRY_AFTER_SECONDS = 120.0  # a longer Retry-After is ignored
MAX_FACT_ITEMS, MAX_FACT_LENGTH = 30, 100
FILE_LIFETIME = timedelta(hours=72)
FILE_LIFETIME_MARGIN = timedelta(hours=1)  # subtracted if EvoLink names no expiry

_ERROR_BY_STATUS = {401: AuthenticationError, 402: InsufficientCreditsError, 404: NotFoundError}

# 402 is used for money and for keys, and some gateways answer 403 for both.
_ERROR_BY_CODE = {
    "insufficient_quota": InsufficientCreditsError,
    "insufficient_user_quota": InsufficientCreditsError,
    "insufficient_token_quota": InsufficientCreditsError,
    # The key's own limit: an admin raises it like an account.
    "key_quota_exhausted": InsufficientCreditsError,
    "quota_not_enough": InsufficientCreditsError,
    "account_balance_insufficient": InsufficientCreditsError,
    "token_daily_quota_exceeded": InsufficientCreditsError,
    "key_daily_quota_exhausted": InsufficientCreditsError,
    "key_disabled": AuthenticationError,
    "key_expired": AuthenticationError,
    "user_disabled": AuthenticationError,
    "key_model_not_allowed": RequestRejected,  # the key is valid, but not for this model
}

# The status that an error body under HTTP 200 should have had. For any other code it is not known
# whether EvoLink accepted the task.
_STATUS_BY_CODE = {
    **{str(status): status for status in (400, 401, 402, 403, 404, 413, 422, 429)},
    "invalid_request": 400,
    "invalid_request_error": 400,
    "invalid_parameter": 400,
    "missing_required_params": 400,
    "invalid_task_id": 400,
    "content_policy_violation": 400,
    "content_filter": 400,
    "sensitive_content": 400,
    "moderation_blocked": 400,
    "input_moderation_failed": 400,
    "invalid_media_url": 400,
    "unauthorized": 401,
    "authentication_error": 401,
    "invalid_token": 401,
    **dict.fromkeys(_ERROR_BY_CODE, 402),
    "model_access_denied": 403,
    "permission_denied": 403,
    "ip_restricted": 403,
    "task_not_found": 404,
    "request_too_large_error": 413,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
}

_REFUSAL_STATUSES = frozenset({400, 401, 402, 403, 404, 413, 422})
# EvoLink says itself that it may have taken the request, whatever the status. Letters alone: it
# counts in any spelling and wherever it stands.
_UNCLEAR_WORDS = (b"paidoutcomeunknown", b"idempotencyconflict")
# What EvoLink adds to an error that helps to mend it (seen), in the order shown.
_HELPFUL_FIELDS = (
    *("estimated_credits", "account_balance_credits", "used_credits", "remaining_credits"),
    *("daily_limit_credits", "reset_timezone", "allowed_models", "expired_at"),
    *("min", "max", "allowed_values", "request_id"),
)
_NO_LIST_STATUSES = {404, 405, 501}


@dataclass(frozen=True)
class _ErrorBody:
    """The error in a response body, as far as EvoLink names it."""

    code: str = ""
    error_type: str = ""
    message: str = ""
    field: str | None = None
    facts: str = ""

    @property
    def is_error(self) -> bool:
        """Whether it says anything: an HTML page or another JSON does not."""
        return bool(self.code or self.error_type or self.message)

    @property
    def full_message(self) -> str:
        """The message with the facts that EvoLink adds to it."""
        return " · ".join(text for text in (self.message, self.facts) if text)

    @property
    def implied_status(self) -> int:
        """The 4xx status that fits the code or type, 0 if none is known."""
        return _STATUS_BY_CODE.get(self.code) or _STATUS_BY_CODE.get(self.error_type) or 0


def parse_json(body: bytes) -> Any:
    """JSON with exact decimals; None if `body` is not complete, valid JSON."""
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None


def parse_created_task(response: RawResponse, *, fallback_error: type[EvoLinkError]) -> Task:
    """The task in a 2xx response. A complete body counts, however the connection ended.

    Raises RequestRejected or RateLimitError if that is certain, else `fallback_error`.
    """
    document = _parse_success_body(response, fallback_error=fallback_error)
    try:
        return Task.model_validate(document)
    except ValidationError as error:
        raise _error_in_success(response, document) or _build_malformed_error(
            response, "no task id", fallback_error
        ) from error


def parse_task(response: RawResponse, *, expected_id: str) -> Task:
    """The requested task. Raises RequestRejected, RateLimitError or ServiceUnavailableError."""
    remote_task = parse_created_task(response, fallback_error=ServiceUnavailableError)
    if remote_task.id != expected_id:
        raise _build_malformed_error(
            response, "the answer speaks of another task", ServiceUnavailableError
        )
    return remote_task


def parse_balance(response: RawResponse) -> ProviderBalance:
    """The credits left. Raises as `parse_task` does."""
    document = _parse_success_body(response, fallback_error=ServiceUnavailableError)
    try:
        if document.get("success") is False:
            raise ValueError("success is false")
        return ProviderBalance.from_document(document)
    except ValueError as error:
        raise _error_in_success(response, document) or _build_malformed_error(
            response, str(error), ServiceUnavailableError
        ) from error


def parse_remote_file(response: RawResponse) -> RemoteFile:
    """The uploaded file. Raises as `parse_task`; `success: false` under 200 is RequestRejected."""
    document = _parse_success_body(response, fallback_error=ServiceUnavailableError)
    if document.get("success") is False:
        error_body = _parse_error_body(document)
        error_class = (
            ServiceUnavailableError if re.fullmatch(r"5\d\d", error_body.code) else RequestRejected
        )
        raise _error_in_success(response, document) or _build_error(
            response, error_body, error_class
        )
    data = document.get("data")
    if not isinstance(data, Mapping) or not is_link(data.get("file_url")):
        raise _error_in_success(response, document) or _build_malformed_error(
            response, "no file URL", ServiceUnavailableError
        )
    return RemoteFile.model_validate(
        {**data, "expires_at": _parse_expiry(data, response.received_at)}
    )


def parse_task_list(response: RawResponse) -> list[TaskSummary] | None:
    """The task list; None if EvoLink has no such list. Malformed items are left out."""
    if response.status in _NO_LIST_STATUSES:
        return None
    rows = _find_list(
        _parse_success_body(
            response, fallback_error=ServiceUnavailableError, expected_types=(dict, list)
        )
    )
    if rows is None:
        raise _build_malformed_error(response, "no list", ServiceUnavailableError)
    task_summaries = []
    for row in rows:
        try:
            task_summaries.append(TaskSummary.model_validate(row))
        except ValidationError:
            continue
    return task_summaries


def parse_retry_after(response: RawResponse) -> float | None:
    """Seconds of the Retry-After header (a number or an HTTP date) if 0 < x ≤ 120, else None."""
    header = response.headers.get("retry-after", "").strip()
    try:
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", header):
            seconds = float(header)
        else:
            date = parsedate_to_datetime(header)
            date = date if date.tzinfo else date.replace(tzinfo=UTC)
            seconds = (date - response.received_at).total_seconds()
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds <= MAX_RETRY_AFTER_SECONDS else None


def _parse_success_body(
    response: RawResponse,
    *,
    fallback_error: type[EvoLinkError],
    expected_types: tuple[type, ...] = (dict,),
) -> Any:
    """The JSON of a 2xx response. Raises the error of any other status, `fallback_error` without
    valid JSON."""
    document = parse_json(response.body)
    if not 200 <= response.status < 300:
        error_body = _parse_error_body(document)
        if _is_refusal(response, document, error_body):
            raise _build_rejection(response, error_body, response.status)
        raise _build_error(response, error_body, fallback_error)
    if not isinstance(document, expected_types):
        raise _build_malformed_error(
            response, response.error or "not the JSON expected", fallback_error
        )
    return document


def _is_refusal(response: RawResponse, document: object, error_body: _ErrorBody) -> bool:
    """Whether EvoLink itself says that it did not take the request.

    A body that names a task is no refusal, and neither is one that is cut or no error.
    """
    return (
        (response.status in _REFUSAL_STATUSES or response.status == 429)
        and error_body.is_error
        and not _is_unclear(response.body)
        and not _names_task(document)
    )


def _is_unclear(body: bytes) -> bool:
    """Whether EvoLink says that it may have taken the request."""
    letters = re.sub(rb"[^a-z]", b"", body.lower())
    return any(word in letters for word in _UNCLEAR_WORDS)


def _names_task(document: object) -> bool:
    """Whether the body speaks of a task, so that it may have been taken."""
    if not isinstance(document, Mapping):
        return False
    parts = [document, *(document.get(name) for name in ("data", "task", "error", "result"))]
    mappings = [part for part in parts if isinstance(part, Mapping)]
    return any(part.get("id") or part.get("task_id") for part in mappings)


def _parse_error_body(document: object) -> _ErrorBody:
    """Read `{"error": {code, message, type, param}}`, or code and message (`msg`) at the top.

    A message alone at the top is not read: gateways answer like that, and they are not EvoLink.
    """
    if not isinstance(document, Mapping):
        return _ErrorBody()
    error = document.get("error")
    if isinstance(error, str) and error.strip():
        return _ErrorBody(
            code=_parse_text(document.get("code")),
            message=_parse_text(error),
            facts=_format_facts(document),
        )
    if not isinstance(error, Mapping):
        is_error = _parse_text(document.get("code")) or document.get("success") is False
        error = document if is_error else {}
    return _ErrorBody(
        code=_parse_text(error.get("code")),
        error_type=_parse_text(error.get("type")),
        message=_parse_text(error.get("message")) or _parse_text(error.get("msg")),
        field=_parse_text(error.get("param")) or None,
        facts=_format_facts({**document, **error}),
    )


def _format_facts(error: Mapping[str, Any]) -> str:
    """ "min 3 · max 15": EvoLink's own names and figures, as they came."""
    facts = ((name, _format_fact(error.get(name))) for name in _HELPFUL_FIELDS)
    return " · ".join(f"{name} {text}" for name, text in facts if text)


def _format_fact(value: object) -> str:
    items = value if isinstance(value, list) else [value]
    texts = (
        _parse_text(str(item) if isinstance(item, Decimal | float) else item)
        for item in items[:MAX_FACT_ITEMS]
    )
    return ", ".join(text[:MAX_FACT_LENGTH] for text in texts if text)


def _error_in_success(response: RawResponse, document: Mapping[str, Any]) -> EvoLinkError | None:
    """The rejection in the body of a 200; None if there is none or an id makes it uncertain."""
    if _names_task(document) or not (document.get("error") or document.get("success") is False):
        return None
    error_body = _parse_error_body(document)
    if not error_body.implied_status or _is_unclear(response.body):
        return None
    return _build_rejection(response, error_body, error_body.implied_status)


def _build_rejection(response: RawResponse, error_body: _ErrorBody, status: int) -> EvoLinkError:
    """The error of a refusal with this 4xx status."""
    if status == 429:
        rate_limit_error = partial(RateLimitError, retry_after=parse_retry_after(response))
        return _build_error(response, error_body, rate_limit_error)
    error_class = _ERROR_BY_CODE.get(error_body.code) if status in (402, 403) else None
    return _build_error(
        response, error_body, error_class or _ERROR_BY_STATUS.get(status, RequestRejected)
    )


def _build_malformed_error(
    response: RawResponse, detail: str, error_class: type[EvoLinkError]
) -> EvoLinkError:
    return _build_error(
        response, _parse_error_body(parse_json(response.body)), error_class, f": {detail}"
    )


def _build_error(
    response: RawResponse,
    error_body: _ErrorBody,
    error_factory: Callable[..., EvoLinkError],
    detail: str = "",
) -> EvoLinkError:
    message = error_body.message or f"HTTP {response.status}{detail}"
    body = response.body.decode("utf-8", "replace")
    error = error_factory(message, response.status, error_body.code, error_body.field, body)
    error.provider_message = error_body.full_message
    return error


def _parse_text(value: object) -> str:
    is_readable = isinstance(value, str | int) and not isinstance(value, bool)
    return sanitize_text(str(value), max_length=1_000) if is_readable else ""


def _find_list(document: Any) -> list[Any] | None:
    """The list in `[…]`, `{"data": […]}`, `{"data": {"items": […]}}`: wrappers are undocumented."""
    for _ in range(3):
        if isinstance(document, list):
            return document
        if not isinstance(document, Mapping):
            return None
        keys = ("data", "tasks", "items", "list", "records")
        document = next((document[key] for key in keys if key in document), None)
    return None


def _parse_expiry(data: Mapping[str, Any], now: datetime) -> datetime:
    expires_at = parse_timestamp(data.get("expires_at"))
    if expires_at is not None:
        return expires_at
    return (parse_timestamp(data.get("upload_time")) or now) + FILE_LIFETIME - FILE_LIFETIME_MARGIN
