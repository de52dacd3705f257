"""Spans of time that go on by themselves on a page: what is left, and how long nothing moved."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from evolink_studio.core.formatting import about_text
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State

# EvoLink's bars are coarse and rest for minutes; before this a pause is not worth a word.
PAUSE = timedelta(minutes=4)


@dataclass(frozen=True)
class Span:
    """`words`, with the time at {time}, from `begins` seconds on; before that, `otherwise`.

    The server told how many `seconds` it was; the script counts on, up or down by `step`.
    """

    words: str
    told: datetime
    seconds: int
    step: int
    begins: int
    otherwise: str = ""

    @property
    def count(self) -> str:
        """The figures for the script, in one word each."""
        return f"{self.told.timestamp()} {self.seconds} {self.step} {self.begins}"

    @property
    def text(self) -> str:
        if self.seconds < self.begins:
            return self.otherwise
        return self.words.format(time=about_text(-(-self.seconds // 10) * 10))


def left(generation: Generation, now: datetime) -> Span | None:
    """How long it will probably take, going by how long this model usually takes."""
    if generation.state != State.RUNNING or not generation.expected_seconds:
        return None
    begun = generation.accepted or generation.created
    ends = begun + timedelta(seconds=generation.expected_seconds)
    return Span(
        words=_("about {time} left"),
        told=now,
        seconds=int((ends - now).total_seconds()),
        step=-1,
        begins=1,
        otherwise=_("this one takes longer"),
    )


def quiet(generation: Generation, now: datetime) -> Span | None:
    """How long nothing moved: a pause at first, and no news at all when it has stalled."""
    if generation.state != State.RUNNING:
        return None
    since = generation.stalled or generation.moved or generation.created
    seconds = max(0, int((now - since).total_seconds()))
    if generation.stalled:
        return Span(_("No news from EvoLink for {time}."), now, seconds, step=1, begins=0)
    return Span(
        words=_("No change for {time}; models often pause like this."),
        told=now,
        seconds=seconds,
        step=1,
        begins=int(PAUSE.total_seconds()),
    )
