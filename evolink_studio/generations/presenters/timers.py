"""Spans of time that go on by themselves on a page: what is left, and how long nothing moved."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from evolink_studio.core.formatting import format_approx_duration
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State

# EvoLink's bars are coarse and rest for minutes; before this a pause is not worth a word.
PAUSE_NOTICE_DELAY = timedelta(minutes=4)


@dataclass(frozen=True)
class Timer:
    """`template`, with the time at {time}, from `threshold_seconds` seconds on; before that,
    `fallback`.

    The server told how many `seconds` it was; the script counts on, up or down by `step`.
    """

    template: str
    measured_at: datetime
    seconds: int
    step: int
    threshold_seconds: int
    fallback: str = ""

    @property
    def script_data(self) -> str:
        """The figures for the script, in one word each."""
        return f"{self.measured_at.timestamp()} {self.seconds} {self.step} {self.threshold_seconds}"

    @property
    def text(self) -> str:
        if self.seconds < self.threshold_seconds:
            return self.fallback
        return self.template.format(time=format_approx_duration(-(-self.seconds // 10) * 10))


def time_left(generation: Generation, now: datetime) -> Timer | None:
    """How long it will probably take, going by how long this model usually takes."""
    if generation.state != State.RUNNING or not generation.expected_seconds:
        return None
    started_at = generation.accepted_at or generation.created_at
    expected_end = started_at + timedelta(seconds=generation.expected_seconds)
    return Timer(
        template=_("about {time} left"),
        measured_at=now,
        seconds=int((expected_end - now).total_seconds()),
        step=-1,
        threshold_seconds=1,
        fallback=_("this one takes longer"),
    )


def time_without_progress(generation: Generation, now: datetime) -> Timer | None:
    """How long nothing moved: a pause at first, and no news at all when it has stalled."""
    if generation.state != State.RUNNING:
        return None
    since = generation.stalled_since or generation.progressed_at or generation.created_at
    seconds = max(0, int((now - since).total_seconds()))
    if generation.stalled_since:
        return Timer(
            _("No news from EvoLink for {time}."), now, seconds, step=1, threshold_seconds=0
        )
    return Timer(
        template=_("No change for {time}; models often pause like this."),
        measured_at=now,
        seconds=seconds,
        step=1,
        threshold_seconds=int(PAUSE_NOTICE_DELAY.total_seconds()),
    )
