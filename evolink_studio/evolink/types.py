"""Types of EvoLink's answers, and how their JSON becomes values.

Tolerant of everything except a missing or malformed task id.

Fields: EvoLink documentation, stated 2026-11-20. Those marked "seen" are undocumented, so they may
be absent at any time. Unknown fields are ignored, and an invalid value counts as absent.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from evolink_studio.evolink.redaction import is_clean_text, sanitize_text
from evolink_studio.evolink.timestamps import parse_timestamp

MAX_TASK_ID_LENGTH = 128
_TASK_ID_PATTERN = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_TASK_ID_LENGTH}}}")
_URL_PATTERN = re.compile(r"https?://[^\s<>\"\\]{1,4000}", re.IGNORECASE)
_MAX_TEXT_LENGTH = 4_000
_MAX_NUMBER = Decimal(10) ** 12  # a larger figure is invalid, and costly to compute with
_MAX_DECIMAL_PLACES = 10  # EvoLink shows 4


def is_task_id(text: str) -> bool:
    """Whether `text` is safe in a URL path: 1 to 128 of A-Z a-z 0-9 _ -."""
    return _TASK_ID_PATTERN.fullmatch(text) is not None


def _validate_task_id(value: str) -> str:
    if not is_task_id(value):
        raise ValueError("not a task id")
    return value


def _parse_text(value: object) -> str:
    is_readable = isinstance(value, str | int | Decimal) and not isinstance(value, bool)
    return sanitize_text(str(value), max_length=_MAX_TEXT_LENGTH) if is_readable else ""


def _parse_decimal(value: object) -> Decimal | None:
    if not isinstance(value, str | int | float | Decimal) or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or not -_MAX_NUMBER <= number <= _MAX_NUMBER:
        return None
    rounded_number = round(number, _MAX_DECIMAL_PLACES)
    return number if number == rounded_number else rounded_number


def _parse_integer(value: object) -> int | None:
    number = _parse_decimal(value)
    return None if number is None else int(number)


def _parse_percent(value: object) -> int | None:
    number = _parse_integer(value)
    return None if number is None else max(0, min(100, number))


def _parse_links(value: object) -> tuple[str, ...]:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        return ()
    return tuple(item for item in items if is_link(item))


def is_link(value: object) -> bool:
    """Whether `value` is the text of an http(s) URL."""
    return isinstance(value, str) and bool(_URL_PATTERN.fullmatch(value)) and is_clean_text(value)


def _parse_object(value: object) -> object:
    return value if isinstance(value, Mapping | BaseModel) else {}


def _parse_error(value: object) -> object:
    if isinstance(value, str) and value.strip():
        return {"message": value}
    return value if isinstance(value, Mapping | BaseModel) and value else None


def _parse_flag(value: object) -> bool:
    return value is True


def _get_object(value: object, name: str) -> Mapping[str, Any]:
    child = value.get(name) if isinstance(value, Mapping) else None
    return child if isinstance(child, Mapping) else {}


TaskId = Annotated[str, AfterValidator(_validate_task_id)]
Text = Annotated[str, BeforeValidator(_parse_text)]
Credits = Annotated[Decimal | None, BeforeValidator(_parse_decimal)]
Count = Annotated[int | None, BeforeValidator(_parse_integer)]
Percent = Annotated[int | None, BeforeValidator(_parse_percent)]
Links = Annotated[tuple[str, ...], BeforeValidator(_parse_links)]
Flag = Annotated[bool, BeforeValidator(_parse_flag)]
Timestamp = Annotated[datetime | None, BeforeValidator(parse_timestamp)]


class ApiModel(BaseModel):
    """An answer, or part of one; immutable."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class TaskInfo(ApiModel):
    """Facts in the answer to the POST; later answers may have `can_cancel` alone."""

    can_cancel: Flag = False  # there is no documented request to cancel a task
    estimated_time: Count = None  # seconds
    video_duration: Count = None  # seconds of film; absent for some models


class TaskUsage(ApiModel):
    """What EvoLink reserved for the task, in credits."""

    billing_rule: Text = ""  # per_call, per_second, per_token
    credits_reserved: Credits = None
    credits_used: Credits = None  # seen; finally charged
    user_group: Text = ""


class TaskBilling(ApiModel):
    """Seen: the charge and its refund, in credits."""

    charge_status: Text = ""
    refund_status: Text = ""
    reserved_credits: Credits = None
    charged_credits: Credits = None
    refunded_credits: Credits = None


class TaskError(ApiModel):
    """Why a task failed. `code` is text, also if EvoLink sends a number; the list is open."""

    code: Text = ""
    message: Text = ""
    type: Text = ""


class Task(ApiModel):
    """A task at EvoLink, as in the answer to the POST or to a read.

    `status` is unchanged: pending, processing, completed, failed, cancelled, or an unknown one.
    `progress` is 0–100 percent, coarse, and may go backwards.
    """

    id: TaskId
    status: Text = ""
    model: Text = ""  # the model used; may be an alias of the requested one
    type: Text = ""  # text, image, audio, video
    created: Timestamp = None
    progress: Percent = None
    results: Links = ()  # http(s) only; they end 24 h after completion
    error: Annotated[TaskError | None, BeforeValidator(_parse_error)] = None
    task_info: Annotated[TaskInfo, BeforeValidator(_parse_object)] = TaskInfo()
    usage: Annotated[TaskUsage, BeforeValidator(_parse_object)] = TaskUsage()
    billing: Annotated[TaskBilling, BeforeValidator(_parse_object)] = TaskBilling()  # seen
    duration: Count = None  # seen: processing time in seconds
    request_id: Text = ""  # seen

    def to_json(self) -> dict[str, Any]:
        """The answer as JSON for `Generation.last_reply`; credits as decimal text."""
        return self.model_dump(mode="json", exclude_defaults=True)


class TaskSummary(ApiModel):
    """An item of the task list (seen): enough to find a task whose answer was lost."""

    id: TaskId
    status: Text = ""
    model: Text = ""
    progress: Percent = None
    created_at: Timestamp = None
    credits_used: Credits = None


class ProviderBalance(ApiModel):
    """Credits left and used: `token_…` of this key, `user_…` of the account."""

    token_remaining: Credits = None  # None if the key has no limit of its own
    is_token_unlimited: bool = False
    token_used: Credits = None
    user_remaining: Decimal
    user_used: Credits = None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "ProviderBalance":
        """Read `{"data": {"token": {…}, "user": {…}}}`. Raises ValueError without the figures."""
        data = document.get("data")
        token, user = (_get_object(data, name) for name in ("token", "user"))
        is_unlimited = token.get("unlimited_credits") is True
        token_remaining = _parse_decimal(token.get("remaining_credits"))
        user_remaining = _parse_decimal(user.get("remaining_credits"))
        if user_remaining is None or (token_remaining is None and not is_unlimited):
            raise ValueError("the credits left are missing")
        return cls(
            token_remaining=token_remaining,
            is_token_unlimited=is_unlimited,
            token_used=_parse_decimal(token.get("used_credits")),
            user_remaining=user_remaining,
            user_used=_parse_decimal(user.get("used_credits")),
        )

    @property
    def credits_available(self) -> Decimal:
        """Credits this key can spend now: the smaller of the two limits, never below 0."""
        limits = [self.user_remaining]
        if not self.is_token_unlimited and self.token_remaining is not None:
            limits.append(self.token_remaining)
        return max(Decimal(0), min(limits))


class RemoteFile(ApiModel):
    """An uploaded file at EvoLink; lives 72 hours. `expires_at` is aware, rather too early."""

    file_url: str
    expires_at: datetime
    file_id: Text = ""
    mime_type: Text = ""
    file_size: Count = None  # bytes
