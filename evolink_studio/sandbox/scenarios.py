"""Scenarios: a tag in square brackets in the prompt makes the sandbox simulate a problem.

Tags can be combined: "[quick] [policy] a cat" fails after one second. Durations are in seconds and
are multiplied by the sandbox's pace.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from evolink_studio.sandbox import errors
from evolink_studio.sandbox.errors import ApiError


class ResponseMode(StrEnum):
    """How an accepted POST is answered."""

    COMPLETE = "plain"
    LOST = "lost"
    ERROR = "error"
    GARBLED = "garbled"
    PROXY_PAGE = "proxy page"
    UNCLEAR = "unclear"
    AFTER_CALLBACK = "after callback"


class DownloadMode(StrEnum):
    """What a result link answers."""

    COMPLETE = "whole"
    TRUNCATED = "cut"
    WEB_PAGE = "web page"
    SECOND_WEB_PAGE = "second web page"
    REDIRECT = "redirect"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one task behaves. The defaults are a task without problems.

    work_seconds     duration instead of the usual one
    is_stalled       the progress stops near the end, after the usual time
    failure          (code, message) of the failed task
    outcome          final status of a task with `failure`
    charge_share     share of the reservation that is charged; None: all for a film, else nothing
    has_other_words  ends as SUCCEEDED, with objects as results
    is_unclear       reports an error beside a status that nobody knows, until it ends
    is_small         a small film with few frames a second, rendered quickly
    is_shared_video  one film for many tasks
    """

    refusal: Callable[[], ApiError] | None = None
    rate_limited_attempts: int = 0
    response_mode: ResponseMode = ResponseMode.COMPLETE
    work_seconds: float | None = None
    is_stalled: bool = False
    failure: tuple[str, str] | None = None
    outcome: str = "failed"
    charge_share: str | None = None
    read_outage_seconds: float = 0
    has_progress_drop: bool = False
    has_undocumented_fields: bool = False
    dead_link_seconds: float = 0
    link_count: int = 1
    download_mode: DownloadMode = DownloadMode.COMPLETE
    has_other_words: bool = False
    is_unclear: bool = False
    is_small: bool = False
    is_shared_video: bool = False
    callback_count: int = 1


@dataclass(frozen=True, slots=True)
class Scenario:
    """A tag, what a person would see, and the fields of `Behaviour` that it sets."""

    tag: str
    description: str
    changes: Mapping[str, object] = field(default_factory=dict)


_POLICY_CODE = "content_policy_violation"

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "quick",
        "finishes after 1 second, with a small film",
        {"work_seconds": 1.0, "is_small": True},
    ),
    Scenario("slow", "takes 90 seconds instead of the announced time", {"work_seconds": 90.0}),
    Scenario(
        "stall",
        "stops at 95 % and finishes after 5 minutes",
        {"work_seconds": 300.0, "is_stalled": True},
    ),
    Scenario("backwards", "shows less progress in the second half", {"has_progress_drop": True}),
    Scenario(
        "odd",
        "shows a status and fields nobody documented, then finishes",
        {"has_undocumented_fields": True},
    ),
    Scenario(
        "outage", "answers reads with 503 for the first 15 seconds", {"read_outage_seconds": 15.0}
    ),
    Scenario(
        "policy",
        "fails at the end by content policy; nothing is charged",
        {"failure": (_POLICY_CODE, "The content was refused by the safety policy.")},
    ),
    Scenario(
        "service",
        "fails at the end by a fault of the service; nothing is charged",
        {"failure": ("service_error", "The upstream service failed.")},
    ),
    Scenario(
        "timeout",
        "fails at the end by taking too long; nothing is charged",
        {"failure": ("generation_timeout", "The generation took too long.")},
    ),
    Scenario(
        "strange",
        "fails with a code nobody documented; nothing is charged",
        {"failure": ("UPSTREAM_E1042", "rpc error: code = Aborted desc = worker gone")},
    ),
    Scenario(
        "kept",
        "fails, and the reserved credits are not given back",
        {"failure": ("service_error", "The upstream service failed."), "charge_share": "1"},
    ),
    Scenario(
        "cancelled",
        "ends as cancelled; nothing is charged",
        {
            "failure": ("request_cancelled", "The request was cancelled upstream."),
            "outcome": "cancelled",
        },
    ),
    Scenario(
        "expired",
        "ends as EXPIRED, a word nobody documented; nothing is charged",
        {"failure": ("task_expired", "The task has expired."), "outcome": "EXPIRED"},
    ),
    Scenario(
        "succeeded",
        "ends as SUCCEEDED, with objects where links are documented",
        {"has_other_words": True},
    ),
    Scenario(
        "muddle",
        "shows an error beside a status nobody knows for a minute, then finishes",
        {"is_unclear": True, "work_seconds": 60.0},
    ),
    Scenario("no-links", "ends as completed and gives no result link", {"link_count": 0}),
    Scenario("cheaper", "charges half of what was reserved", {"charge_share": "0.5"}),
    Scenario("dearer", "charges a tenth more than was reserved", {"charge_share": "1.1"}),
    Scenario(
        "refuse",
        "is refused at once by content policy (400)",
        {"refusal": errors.content_policy_error},
    ),
    Scenario(
        "broke",
        "is refused for want of credits (402)",
        {"refusal": errors.insufficient_quota_error},
    ),
    Scenario(
        "busy",
        "is refused twice with 429 and Retry-After: 5, then accepted",
        {"rate_limited_attempts": 2},
    ),
    Scenario(
        "unavailable",
        "answers 503 and accepts nothing",
        {"refusal": errors.unavailable_error},
    ),
    Scenario(
        "lost",
        "accepts the task and closes the connection without an answer",
        {"response_mode": ResponseMode.LOST},
    ),
    Scenario("crash", "accepts the task and answers 500", {"response_mode": ResponseMode.ERROR}),
    Scenario(
        "garbled",
        "accepts the task and answers half a JSON text",
        {"response_mode": ResponseMode.GARBLED},
    ),
    Scenario(
        "proxy",
        "accepts the task and answers 403 with the page of a proxy",
        {"response_mode": ResponseMode.PROXY_PAGE},
    ),
    Scenario(
        "unclear",
        "accepts the task and answers 409: whether it was paid is unknown",
        {"response_mode": ResponseMode.UNCLEAR},
    ),
    Scenario(
        "callback-first",
        "finishes and calls back before it answers the POST",
        {"response_mode": ResponseMode.AFTER_CALLBACK, "work_seconds": 1.0, "is_small": True},
    ),
    Scenario("callback-twice", "sends every callback twice", {"callback_count": 2}),
    Scenario(
        "deadlink",
        "gives a result link that is dead for the first 20 s",
        {"dead_link_seconds": 20.0},
    ),
    Scenario("two-links", "gives two result links", {"link_count": 2}),
    Scenario("many-links", "gives 500 result links", {"link_count": 500}),
    Scenario(
        "one-bad",
        "gives two result links, and the second leads to a web page",
        {"link_count": 2, "download_mode": DownloadMode.SECOND_WEB_PAGE},
    ),
    Scenario(
        "redirect",
        "gives a result link that leads on to another one",
        {"download_mode": DownloadMode.REDIRECT},
    ),
    Scenario(
        "cut", "breaks the first download off half way", {"download_mode": DownloadMode.TRUNCATED}
    ),
    Scenario(
        "notafilm", "gives a web page instead of a film", {"download_mode": DownloadMode.WEB_PAGE}
    ),
    Scenario(
        "bench", "gives a film made before, so that thousands finish", {"is_shared_video": True}
    ),
)

_SCENARIO_BY_TAG = {scenario.tag: scenario for scenario in SCENARIOS}
_TAG_PATTERN = re.compile(r"\[([a-z-]+)\]")


def behaviour_of(text: str) -> Behaviour:
    """The behaviour that the tags in a prompt ask for; unknown tags are ignored."""
    behaviour = Behaviour()
    for tag in _TAG_PATTERN.findall(text):
        if tag in _SCENARIO_BY_TAG:
            changes: dict[str, object] = dict(_SCENARIO_BY_TAG[tag].changes)
            behaviour = replace(behaviour, **changes)  # type: ignore[arg-type]  # keys are field names
    return behaviour
