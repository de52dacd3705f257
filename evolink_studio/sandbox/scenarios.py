"""Stories: a word in square brackets in the prompt makes the sandbox play a trouble.

Several words may be joined: "[quick] [policy] a cat" fails after one second. Durations are in
seconds and follow the sandbox's pace.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from evolink_studio.sandbox import errors
from evolink_studio.sandbox.errors import ApiError


class Answer(StrEnum):
    """What becomes of the answer to an accepted POST."""

    PLAIN = "plain"
    LOST = "lost"
    ERROR = "error"
    GARBLED = "garbled"
    AFTER_CALLBACK = "after callback"


class Film(StrEnum):
    """What the result link gives."""

    WHOLE = "whole"
    CUT = "cut"
    WEB_PAGE = "web page"


@dataclass(frozen=True, slots=True)
class Plot:
    """How one task goes. The defaults are a day without trouble.

    seconds   time until the end instead of the usual one
    hold      the progress stands still near the end, after the usual time
    failure   (code, message) of the failed task
    outcome   final status without a film, when it is not `failed`
    small     a film of few pixels and pictures a second, made in no time
    charge    share of the reserved credits that is charged in the end; None is the rule: all of
              it for a film, nothing without one
    """

    refusal: Callable[[], ApiError] | None = None
    busy: int = 0
    answer: Answer = Answer.PLAIN
    seconds: float | None = None
    hold: bool = False
    failure: tuple[str, str] | None = None
    outcome: str = "failed"
    charge: str | None = None
    reads_down: float = 0
    falls_back: bool = False
    odd: bool = False
    dead_link: float = 0
    links: int = 1
    film: Film = Film.WHOLE
    small: bool = False
    shared_film: bool = False
    callbacks: int = 1


@dataclass(frozen=True, slots=True)
class Story:
    """One word, what a person would see, and how the plot changes."""

    word: str
    tells: str
    changes: Mapping[str, object] = field(default_factory=dict)


_POLICY = "content_policy_violation"

STORIES: tuple[Story, ...] = (
    Story("quick", "finishes after 1 second, with a small film", {"seconds": 1.0, "small": True}),
    Story("slow", "takes 90 seconds instead of the announced time", {"seconds": 90.0}),
    Story("stall", "stops at 95 % and finishes after 5 minutes", {"seconds": 300.0, "hold": True}),
    Story("backwards", "shows less progress in the second half", {"falls_back": True}),
    Story("odd", "shows a status and fields nobody documented, then finishes", {"odd": True}),
    Story("outage", "answers reads with 503 for the first 15 seconds", {"reads_down": 15.0}),
    Story(
        "policy",
        "fails at the end by content policy; nothing is charged",
        {"failure": (_POLICY, "The content was refused by the safety policy.")},
    ),
    Story(
        "service",
        "fails at the end by a fault of the service; nothing is charged",
        {"failure": ("service_error", "The upstream service failed.")},
    ),
    Story(
        "timeout",
        "fails at the end by taking too long; nothing is charged",
        {"failure": ("generation_timeout", "The generation took too long.")},
    ),
    Story(
        "strange",
        "fails with a code nobody documented; nothing is charged",
        {"failure": ("UPSTREAM_E1042", "rpc error: code = Aborted desc = worker gone")},
    ),
    Story(
        "kept",
        "fails, and the reserved credits are not given back",
        {"failure": ("service_error", "The upstream service failed."), "charge": "1"},
    ),
    Story(
        "cancelled",
        "ends as cancelled; nothing is charged",
        {
            "failure": ("request_cancelled", "The request was cancelled upstream."),
            "outcome": "cancelled",
        },
    ),
    Story("cheaper", "charges half of what was reserved", {"charge": "0.5"}),
    Story("dearer", "charges a tenth more than was reserved", {"charge": "1.1"}),
    Story(
        "refuse",
        "is refused at once by content policy (400)",
        {"refusal": errors.prompt_refused},
    ),
    Story("broke", "is refused for want of credits (402)", {"refusal": errors.out_of_credits}),
    Story("busy", "is refused twice with 429 and Retry-After: 5, then accepted", {"busy": 2}),
    Story(
        "unavailable",
        "answers 503 and accepts nothing",
        {"refusal": errors.unavailable},
    ),
    Story(
        "lost",
        "accepts the task and closes the connection without an answer",
        {"answer": Answer.LOST},
    ),
    Story("crash", "accepts the task and answers 500", {"answer": Answer.ERROR}),
    Story("garbled", "accepts the task and answers half a JSON text", {"answer": Answer.GARBLED}),
    Story(
        "callback-first",
        "finishes and calls back before it answers the POST",
        {"answer": Answer.AFTER_CALLBACK, "seconds": 1.0, "small": True},
    ),
    Story("callback-twice", "sends every callback twice", {"callbacks": 2}),
    Story("deadlink", "gives a result link that is dead for the first 20 s", {"dead_link": 20.0}),
    Story("two-links", "gives two result links", {"links": 2}),
    Story("cut", "breaks the first download off half way", {"film": Film.CUT}),
    Story("notafilm", "gives a web page instead of a film", {"film": Film.WEB_PAGE}),
    Story("bench", "gives a film made before, so that thousands finish", {"shared_film": True}),
)

_BY_WORD = {story.word: story for story in STORIES}
_TAG = re.compile(r"\[([a-z-]+)\]")


def plot_of(words: str) -> Plot:
    """The plot that the tags in these words ask for; unknown tags are just words."""
    plot = Plot()
    for tag in _TAG.findall(words):
        if tag in _BY_WORD:
            changes: dict[str, object] = dict(_BY_WORD[tag].changes)
            plot = replace(plot, **changes)  # type: ignore[arg-type]  # the table holds plot fields only
    return plot
