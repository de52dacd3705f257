"""Parses a response into a type of `types`, or raises one of `errors`. No HTTP here.

Error bodies and codes: EvoLink documentation, stated 2026-11-20. The HTTP status decides; a code
decides only if the status has two meanings, or is 200 over an error.
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
from evolink_studio.evolink.timestamps import parse_timestamp
from evolink_studio.evolink.transport import RawResponse
from evolink_studio.evolink.types import ProviderBalance, RemoteFile, Task, TaskSummary, is_link

MAX_RETRY_AFTER_SECONDS = 120.0  # a longer Retry-After is ignored
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
    "key_disabled": AuthenticationError,
    "key_expired": AuthenticationError,
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
    "unauthorized": 401,
    "authentication_error": 401,
    **dict.fromkeys(_ERROR_BY_CODE, 402),
    "model_access_denied": 403,
    "permission_denied": 403,
    "task_not_found": 404,
    "request_too_large_error": 413,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
}

_TRANSIENT_STATUSES = {408, 425}  # 4xx about this one try, not about the request
_NO_LIST_STATUSES = {404, 405, 501}


@dataclass(frozen=True)
class _ErrorBody:
    """The error in a response body, as far as EvoLink names it."""

    code: str = ""
    error_type: str = ""
    message: str = ""
    field: str | None = None

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
    is_transient = (
        response.status in _TRANSIENT_STATUSES and fallback_error is ServiceUnavailableError
    )
    if 400 <= response.status < 500 and not is_transient:
        raise _build_rejection(response, _parse_error_body(document), response.status)
    if not 200 <= response.status < 300:
        raise _build_error(response, _parse_error_body(document), fallback_error)
    if not isinstance(document, expected_types):
        raise _build_malformed_error(
            response, response.error or "not the JSON expected", fallback_error
        )
    return document


def _parse_error_body(document: object) -> _ErrorBody:
    """Read `{"error": {code, message, type, param}}`, or the same (`msg`) at the top."""
    if not isinstance(document, Mapping):
        return _ErrorBody()
    error = document.get("error") or document
    if not isinstance(error, Mapping):
        return _ErrorBody(message=_parse_text(error))
    return _ErrorBody(
        code=_parse_text(error.get("code")),
        error_type=_parse_text(error.get("type")),
        message=_parse_text(error.get("message")) or _parse_text(error.get("msg")),
        field=_parse_text(error.get("param")) or None,
    )


def _error_in_success(response: RawResponse, document: Mapping[str, Any]) -> EvoLinkError | None:
    """The rejection in the body of a 200; None if there is none or an id makes it uncertain."""
    if document.get("id") or not (document.get("error") or document.get("success") is False):
        return None
    error_body = _parse_error_body(document)
    return (
        _build_rejection(response, error_body, error_body.implied_status)
        if error_body.implied_status
        else None
    )


def _build_rejection(response: RawResponse, error_body: _ErrorBody, status: int) -> EvoLinkError:
    """The error of a 4xx status."""
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
    error.provider_message = error_body.message
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
