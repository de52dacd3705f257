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

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

from evolink_studio.evolink.outcomes import Outcome, parse_outcome
from evolink_studio.evolink.redaction import sanitize_text
from evolink_studio.evolink.result_links import find_result_links
from evolink_studio.evolink.timestamps import parse_timestamp

MAX_TASK_ID_LENGTH = 128
MAX_REPLY_RESULTS = 20  # kept of an answer
_TASK_ID_PATTERN = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_TASK_ID_LENGTH}}}")
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


def _parse_object(value: object) -> object:
    return value if isinstance(value, Mapping | BaseModel) else {}


def _parse_error(value: object) -> object:
    if isinstance(value, str) and value.strip():
        return {"message": value}
    return value if isinstance(value, Mapping | BaseModel) and value else None


_STATUS_FIELDS = ("status", "state", "task_status")
# Where the reason of a failure stands if there is no `error` (seen).
_REASON_FIELDS = ("error_message", "fail_reason", "failure_reason", "failed_reason", "reason")
# Codes by which some say that there is no error.
_NO_ERROR_CODES = frozenset({"", "0", "200", "ok", "success", "none", "null"})


def _find_error(document: Mapping[str, Any]) -> object:
    if error := document.get("error"):
        return error
    reasons = (document.get(name) for name in _REASON_FIELDS)
    message = next((reason for reason in reasons if isinstance(reason, str) and reason), "")
    code = document.get("error_code") or document.get("fail_code")
    return {"code": code, "message": message} if message or code else None


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

    @property
    def is_real(self) -> bool:
        """Whether it names an error: some send an object that says that there is none."""
        has_code = self.code.lower() not in _NO_ERROR_CODES
        return has_code or bool(self.message and not self.code)


class Task(ApiModel):
    """A task at EvoLink, as in the answer to the POST or to a read.

    `status` is unchanged: pending, processing, completed, failed, cancelled, or another word;
    `outcome` is what it means. `progress` is 0–100 percent, coarse, and may go backwards.
    `results` are the links of the results, whatever field and shape they came in.
    """

    id: TaskId
    status: Text = ""
    model: Text = ""  # the model used; may be an alias of the requested one
    type: Text = ""  # text, image, audio, video
    created: Timestamp = None
    progress: Percent = None
    results: tuple[str, ...] = ()  # http(s) only; they end 24 h after completion
    error: Annotated[TaskError | None, BeforeValidator(_parse_error)] = None
    task_info: Annotated[TaskInfo, BeforeValidator(_parse_object)] = TaskInfo()
    usage: Annotated[TaskUsage, BeforeValidator(_parse_object)] = TaskUsage()
    billing: Annotated[TaskBilling, BeforeValidator(_parse_object)] = TaskBilling()  # seen
    duration: Count = None  # seen: processing time in seconds
    request_id: Text = ""  # seen
    prompt: Text = ""  # not documented; compared where an answer has it

    @model_validator(mode="before")
    @classmethod
    def _find_fields(cls, document: object) -> object:
        if not isinstance(document, Mapping):
            return document
        return {
            **document,
            "status": next((document[name] for name in _STATUS_FIELDS if document.get(name)), ""),
            "results": find_result_links(document),
            "error": _find_error(document),
        }

    @property
    def outcome(self) -> Outcome:
        """What `status` means. An unknown word over finished results is an end like any other."""
        outcome = parse_outcome(self.status)
        is_finished = bool(self.results) and self.progress == 100 and not self.has_error
        if outcome == Outcome.UNRECOGNIZED and is_finished:
            return Outcome.COMPLETED
        return outcome

    @property
    def has_error(self) -> bool:
        """Whether it names an error."""
        return self.error is not None and self.error.is_real

    def to_json(self) -> dict[str, Any]:
        """The answer as JSON for `Generation.last_reply`; credits as decimal text.

        Of very many results only the first: all stand in `Generation.result_urls`.
        """
        document = self.model_dump(mode="json", exclude_defaults=True)
        if len(self.results) > MAX_REPLY_RESULTS:
            document["results"] = [
                *self.results[:MAX_REPLY_RESULTS],
                f"… {len(self.results) - MAX_REPLY_RESULTS} more",
            ]
        return document


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
