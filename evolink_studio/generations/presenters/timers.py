"""Durations that a script keeps counting on the page: time left, time without progress."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from evolink_studio.core.formatting import format_approx_duration
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State

# EvoLink's progress is coarse and often pauses for minutes; shorter pauses are not mentioned.
PAUSE_NOTICE_DELAY = timedelta(minutes=4)


@dataclass(frozen=True)
class Timer:
    """A text with a running time: `template` from `threshold_seconds` on, below that `fallback`.

    It was `seconds` at `measured_at`; the script adds `step` (1 or -1) each second.
    """

    template: str
    measured_at: datetime
    seconds: int
    step: int
    threshold_seconds: int
    fallback: str = ""

    @property
    def script_data(self) -> str:
        """The figures for the script, separated by spaces."""
        return f"{self.measured_at.timestamp()} {self.seconds} {self.step} {self.threshold_seconds}"

    @property
    def text(self) -> str:
        if self.seconds < self.threshold_seconds:
            return self.fallback
        return self.template.format(time=format_approx_duration(-(-self.seconds // 10) * 10))


def build_time_left(generation: Generation, now: datetime) -> Timer | None:
    """The probable time left, from `expected_seconds`; None unless it is running."""
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


def build_time_without_progress(generation: Generation, now: datetime) -> Timer | None:
    """The time without progress, with another text once it is stalled; None unless running."""
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
