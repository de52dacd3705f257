"""From a reply to what it means: a wire type, or one of the errors. No HTTP here.

Error bodies and codes: EvoLink documentation, stated 2026-11-20. The HTTP status decides; a code
decides only where the status leaves two meanings open, or says 200 over an error.
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
    EvoLinkError,
    KeyRefused,
    NotFound,
    OutOfCredits,
    RateLimited,
    Refused,
    Unavailable,
)
from evolink_studio.evolink.redaction import clean
from evolink_studio.evolink.timestamps import moment
from evolink_studio.evolink.transport import Reply
from evolink_studio.evolink.types import Balance, RemoteFile, Task, TaskSummary, is_link

LONGEST_WAIT = 120.0  # seconds of Retry-After that we honour
FILE_LIFE = timedelta(hours=72)
FILE_MARGIN = timedelta(hours=1)  # for a life that we had to assume

_BY_STATUS = {401: KeyRefused, 402: OutOfCredits, 404: NotFound}

# 402 speaks of money and of keys alike, and some gateways say 403 for both.
_BY_CODE = {
    "insufficient_quota": OutOfCredits,
    "insufficient_user_quota": OutOfCredits,
    "insufficient_token_quota": OutOfCredits,
    "key_quota_exhausted": OutOfCredits,  # the key's own limit: an admin raises it like an account
    "key_disabled": KeyRefused,
    "key_expired": KeyRefused,
    "key_model_not_allowed": Refused,  # the key is good, only not for this model
}

# The status that an error body under HTTP 200 ought to have had. A code that is not here leaves
# it open whether EvoLink took the job.
_IMPLIED_STATUS = {
    **{str(status): status for status in (400, 401, 402, 403, 404, 413, 422, 429)},
    "invalid_request": 400,
    "invalid_request_error": 400,
    "invalid_parameter": 400,
    "missing_required_params": 400,
    "invalid_task_id": 400,
    "content_policy_violation": 400,
    "unauthorized": 401,
    "authentication_error": 401,
    **dict.fromkeys(_BY_CODE, 402),
    "model_access_denied": 403,
    "permission_denied": 403,
    "task_not_found": 404,
    "request_too_large_error": 413,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
}

_PASSING = {408, 425}  # 4xx that speak of this one try, not of what was asked
_NO_LIST = {404, 405, 501}


@dataclass(frozen=True)
class _Said:
    """EvoLink's own words about a failure."""

    code: str = ""
    kind: str = ""
    message: str = ""
    field: str | None = None

    @property
    def implied_status(self) -> int:
        """The 4xx that fits, 0 if none is known to."""
        return _IMPLIED_STATUS.get(self.code) or _IMPLIED_STATUS.get(self.kind) or 0


def parse(body: bytes) -> Any:
    """JSON with exact decimals; None if `body` is not whole, sound JSON."""
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None


def task(reply: Reply, *, otherwise: type[EvoLinkError]) -> Task:
    """The task of a good answer. A body that is complete counts, however the line ended.

    Raises Refused or RateLimited for a clear no, `otherwise` for all that is not clear.
    """
    document = _document(reply, otherwise=otherwise)
    try:
        return Task.model_validate(document)
    except ValidationError as error:
        raise _told(reply, document) or _trouble(reply, "no task id", otherwise) from error


def read_task(reply: Reply, *, asked: str) -> Task:
    """The task that was asked for. Raises Refused, RateLimited or Unavailable."""
    found = task(reply, otherwise=Unavailable)
    if found.id != asked:
        raise _trouble(reply, "the answer speaks of another task", Unavailable)
    return found


def balance(reply: Reply) -> Balance:
    """The credits left. Raises Refused, RateLimited or Unavailable."""
    document = _document(reply, otherwise=Unavailable)
    try:
        if document.get("success") is False:
            raise ValueError("success is false")
        return Balance.from_document(document)
    except ValueError as error:
        raise _told(reply, document) or _trouble(reply, str(error), Unavailable) from error


def remote_file(reply: Reply) -> RemoteFile:
    """The uploaded file. `success: false` under HTTP 200 is Refused, with EvoLink's words."""
    document = _document(reply, otherwise=Unavailable)
    if document.get("success") is False:
        said = _said(document)
        kind = Unavailable if re.fullmatch(r"5\d\d", said.code) else Refused
        raise _told(reply, document) or _error(reply, said, kind)
    data = document.get("data")
    if not isinstance(data, Mapping) or not is_link(data.get("file_url")):
        raise _told(reply, document) or _trouble(reply, "no file URL", Unavailable)
    return RemoteFile.model_validate({**data, "expires_at": _end_of_life(data, reply.at)})


def summaries(reply: Reply) -> list[TaskSummary] | None:
    """The lines of the task list; None where EvoLink has no such list. Odd lines are left out."""
    if reply.status in _NO_LIST:
        return None
    rows = _rows(_document(reply, otherwise=Unavailable, kinds=(dict, list)))
    if rows is None:
        raise _trouble(reply, "no list", Unavailable)
    found = []
    for row in rows:
        try:
            found.append(TaskSummary.model_validate(row))
        except ValidationError:
            continue
    return found


def retry_after(reply: Reply) -> float | None:
    """Seconds of the Retry-After header (a number or an HTTP date) if 0 < x ≤ 120, else None."""
    given = reply.headers.get("retry-after", "").strip()
    try:
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", given):
            seconds = float(given)
        else:
            date = parsedate_to_datetime(given)
            date = date if date.tzinfo else date.replace(tzinfo=UTC)
            seconds = (date - reply.at).total_seconds()
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds <= LONGEST_WAIT else None


def _document(
    reply: Reply, *, otherwise: type[EvoLinkError], kinds: tuple[type, ...] = (dict,)
) -> Any:
    """The JSON of a 2xx. Raises what any other status means, `otherwise` if there is no JSON."""
    document = parse(reply.body)
    passing = reply.status in _PASSING and otherwise is Unavailable
    if 400 <= reply.status < 500 and not passing:
        raise _refusal(reply, _said(document), reply.status)
    if not 200 <= reply.status < 300:
        raise _error(reply, _said(document), otherwise)
    if not isinstance(document, kinds):
        raise _trouble(reply, reply.flaw or "not the JSON expected", otherwise)
    return document


def _said(document: object) -> _Said:
    """Read `{"error": {code, message, type, param}}`, or the same (`msg`) at the top."""
    if not isinstance(document, Mapping):
        return _Said()
    part = document.get("error") or document
    if not isinstance(part, Mapping):
        return _Said(message=_word(part))
    return _Said(
        code=_word(part.get("code")),
        kind=_word(part.get("type")),
        message=_word(part.get("message")) or _word(part.get("msg")),
        field=_word(part.get("param")) or None,
    )


def _told(reply: Reply, document: Mapping[str, Any]) -> EvoLinkError | None:
    """The clear no that stands in the body of a 200, if one does. An id beside it clouds it."""
    if document.get("id") or not (document.get("error") or document.get("success") is False):
        return None
    said = _said(document)
    return _refusal(reply, said, said.implied_status) if said.implied_status else None


def _refusal(reply: Reply, said: _Said, status: int) -> EvoLinkError:
    """What a 4xx means."""
    if status == 429:
        limited = partial(RateLimited, retry_after=retry_after(reply))
        return _error(reply, said, limited)
    by_code = _BY_CODE.get(said.code) if status in (402, 403) else None
    return _error(reply, said, by_code or _BY_STATUS.get(status, Refused))


def _trouble(reply: Reply, what: str, kind: type[EvoLinkError]) -> EvoLinkError:
    return _error(reply, _said(parse(reply.body)), kind, f": {what}")


def _error(
    reply: Reply, said: _Said, kind: Callable[..., EvoLinkError], what: str = ""
) -> EvoLinkError:
    message = said.message or f"HTTP {reply.status}{what}"
    body = reply.body.decode("utf-8", "replace")
    error = kind(message, reply.status, said.code, said.field, body)
    error.words = said.message
    return error


def _word(value: object) -> str:
    readable = isinstance(value, str | int) and not isinstance(value, bool)
    return clean(str(value), limit=1_000) if readable else ""


def _rows(document: Any) -> list[Any] | None:
    """The list in `[…]`, `{"data": […]}`, `{"data": {"items": […]}}`: the frame is undocumented."""
    for _ in range(3):
        if isinstance(document, list):
            return document
        if not isinstance(document, Mapping):
            return None
        names = ("data", "tasks", "items", "list", "records")
        document = next((document[name] for name in names if name in document), None)
    return None


def _end_of_life(data: Mapping[str, Any], now: datetime) -> datetime:
    stated = moment(data.get("expires_at"))
    if stated is not None:
        return stated
    return (moment(data.get("upload_time")) or now) + FILE_LIFE - FILE_MARGIN
