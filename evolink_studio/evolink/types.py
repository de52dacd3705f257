"""What EvoLink answers, as types. Tolerant of everything except a missing or odd task id.

Fields: EvoLink documentation, stated 2026-11-20. Those marked "seen" are undocumented, so they may
be absent at any time. Unknown fields are ignored, and a value that makes no sense counts as absent.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from evolink_studio.evolink.redaction import clean, whole
from evolink_studio.evolink.timestamps import moment

_TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_URL = re.compile(r"https?://[^\s<>\"\\]{1,4000}", re.IGNORECASE)
_LONGEST_TEXT = 4_000
_MOST = Decimal(10) ** 12  # beyond it a figure is nonsense, and costly to compute with
_PLACES = 10  # EvoLink shows 4


def is_task_id(text: str) -> bool:
    """Whether `text` may stand in a path: ^[A-Za-z0-9_-]{1,128}$ and nothing else."""
    return _TASK_ID.fullmatch(text) is not None


def _checked_id(value: str) -> str:
    if not is_task_id(value):
        raise ValueError("not a task id")
    return value


def _text(value: object) -> str:
    readable = isinstance(value, str | int | Decimal) and not isinstance(value, bool)
    return clean(str(value), limit=_LONGEST_TEXT) if readable else ""


def _figure(value: object) -> Decimal | None:
    if not isinstance(value, str | int | float | Decimal) or isinstance(value, bool):
        return None
    try:
        figure = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    if not figure.is_finite() or not -_MOST <= figure <= _MOST:
        return None
    rounded = round(figure, _PLACES)
    return figure if figure == rounded else rounded


def _count(value: object) -> int | None:
    figure = _figure(value)
    return None if figure is None else int(figure)


def _percent(value: object) -> int | None:
    count = _count(value)
    return None if count is None else max(0, min(100, count))


def _links(value: object) -> tuple[str, ...]:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        return ()
    return tuple(item for item in items if is_link(item))


def is_link(value: object) -> bool:
    """Whether `value` is the text of an http(s) URL."""
    return isinstance(value, str) and bool(_URL.fullmatch(value)) and whole(value)


def _object(value: object) -> object:
    return value if isinstance(value, Mapping | BaseModel) else {}


def _error(value: object) -> object:
    if isinstance(value, str) and value.strip():
        return {"message": value}
    return value if isinstance(value, Mapping | BaseModel) and value else None


def _flag(value: object) -> bool:
    return value is True


def _part(value: object, name: str) -> Mapping[str, Any]:
    part = value.get(name) if isinstance(value, Mapping) else None
    return part if isinstance(part, Mapping) else {}


TaskId = Annotated[str, AfterValidator(_checked_id)]
Text = Annotated[str, BeforeValidator(_text)]
Credits = Annotated[Decimal | None, BeforeValidator(_figure)]
Count = Annotated[int | None, BeforeValidator(_count)]
Percent = Annotated[int | None, BeforeValidator(_percent)]
Links = Annotated[tuple[str, ...], BeforeValidator(_links)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Moment = Annotated[datetime | None, BeforeValidator(moment)]


class Wire(BaseModel):
    """An answer, or part of one: read once, never changed."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class TaskInfo(Wire):
    """Facts about the work. After the POST; later EvoLink may give `can_cancel` alone."""

    can_cancel: Flag = False  # a flag without a documented call: nothing can be cancelled with it
    estimated_time: Count = None  # seconds
    video_duration: Count = None  # seconds of film; absent for some models


class Usage(Wire):
    """What EvoLink set aside for the task, in credits."""

    billing_rule: Text = ""  # per_call, per_second, per_token
    credits_reserved: Credits = None
    credits_used: Credits = None  # seen; finally taken
    user_group: Text = ""


class Billing(Wire):
    """Seen: how the charge ended, in credits."""

    charge_status: Text = ""
    refund_status: Text = ""
    reserved_credits: Credits = None
    charged_credits: Credits = None
    refunded_credits: Credits = None


class TaskError(Wire):
    """Why a task failed. `code` is text, also where EvoLink sends a number; the list is open."""

    code: Text = ""
    message: Text = ""
    type: Text = ""


class Task(Wire):
    """A remote job, as the POST answers it and as a read finds it.

    `status` is EvoLink's word as it came: pending, processing, completed, failed, cancelled, or
    one not known yet. `progress` is 0–100 percent, coarse, and may go backwards.
    """

    id: TaskId
    status: Text = ""
    model: Text = ""  # the model really used: may be an alias of the one asked for
    type: Text = ""  # text, image, audio, video
    created: Moment = None
    progress: Percent = None
    results: Links = ()  # http(s) only; dead 24 h after completion
    error: Annotated[TaskError | None, BeforeValidator(_error)] = None
    task_info: Annotated[TaskInfo, BeforeValidator(_object)] = TaskInfo()
    usage: Annotated[Usage, BeforeValidator(_object)] = Usage()
    billing: Annotated[Billing, BeforeValidator(_object)] = Billing()  # seen
    duration: Count = None  # seen: seconds of work
    request_id: Text = ""  # seen


class TaskSummary(Wire):
    """A line of the task list (seen): enough to find a task whose POST reply was lost."""

    id: TaskId
    status: Text = ""
    model: Text = ""
    progress: Percent = None
    created_at: Moment = None
    credits_used: Credits = None


class Balance(Wire):
    """Credits left and used: `token_…` limits this key, `user_…` is the account."""

    token_remaining: Credits = None  # None where the key has no limit of its own
    token_unlimited: bool = False
    token_used: Credits = None
    user_remaining: Decimal
    user_used: Credits = None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Balance":
        """Read `{"data": {"token": {…}, "user": {…}}}`. Raises ValueError without the figures."""
        data = document.get("data")
        token, user = (_part(data, name) for name in ("token", "user"))
        unlimited = token.get("unlimited_credits") is True
        token_remaining = _figure(token.get("remaining_credits"))
        user_remaining = _figure(user.get("remaining_credits"))
        if user_remaining is None or (token_remaining is None and not unlimited):
            raise ValueError("the credits left are missing")
        return cls(
            token_remaining=token_remaining,
            token_unlimited=unlimited,
            token_used=_figure(token.get("used_credits")),
            user_remaining=user_remaining,
            user_used=_figure(user.get("used_credits")),
        )

    @property
    def spendable(self) -> Decimal:
        """Credits this key can spend now: the smaller of the two limits, never below 0."""
        limits = [self.user_remaining]
        if not self.token_unlimited and self.token_remaining is not None:
            limits.append(self.token_remaining)
        return max(Decimal(0), min(limits))


class RemoteFile(Wire):
    """A file at EvoLink. It lives 72 hours; `expires_at` is aware and errs on the early side."""

    file_url: str
    expires_at: datetime
    file_id: Text = ""
    mime_type: Text = ""
    file_size: Count = None  # bytes
