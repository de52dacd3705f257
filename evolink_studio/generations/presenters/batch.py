"""The progress of a batch: how many are done, run, wait or failed, and what they cost."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evolink_studio.core.formatting import format_credits
from evolink_studio.generations.models import Batch, Generation
from evolink_studio.generations.presenters.cards import GalleryItem, present_gallery_item
from evolink_studio.generations.queries import UnmadeRows
from evolink_studio.generations.states import State

# Seconds until the page asks again: what is made takes minutes, what is nearly done not.
POLL_SECONDS, MANY_POLL_SECONDS = 4, 8
MANY_LIVE = 20


@dataclass(frozen=True)
class BatchProgress:
    """A batch as its page shows it.

    `poll_seconds` is 0 when nothing can change any more. `changed_version` is the newest that is
    shown. `counts`: (state, label, count) of what there is. `has_films`: some are made, or may be
    among those sent again. `again_text` offers to send what ended
    without a film; "" where there is none. `again_batch_ids`: the batches in which some of it was
    sent again.
    """

    id: int
    title: str
    total: int
    ended_count: int
    waiting_count: int
    counts: Sequence[tuple[str, str, int]]
    has_films: bool
    charged_text: str
    reserved_text: str
    stopped_text: str
    max_failures_text: str
    again_text: str
    made_again_text: str
    again_batch_ids: Sequence[int]
    poll_seconds: int
    changed_version: int
    items: Sequence[GalleryItem]


def present_batch(
    batch: Batch, rows: Sequence[Generation], unmade: UnmadeRows, *, now: datetime
) -> BatchProgress:
    """The progress of these rows. No query, if `results` and their assets are prefetched."""
    counts = Counter(_group_state(row) for row in rows)
    live_count = sum(row.is_live for row in rows)
    charged = sum((row.credits_charged or Decimal(0) for row in rows), Decimal(0))
    open_amounts = (
        row.credits_reserved or row.credits_estimated or Decimal(0)
        for row in rows
        if row.is_live and row.credits_charged is None
    )
    return BatchProgress(
        id=batch.pk,
        title=batch.title,
        total=len(rows),
        ended_count=len(rows) - live_count,
        waiting_count=counts[State.QUEUED],
        counts=[
            (state.value, str(state.label), counts[state])
            for state in _SHOWN_STATES
            if counts[state]
        ],
        has_films=bool(counts[State.COMPLETED] or unmade.batch_ids),
        charged_text=format_credits(charged),
        reserved_text=format_credits(sum(open_amounts, Decimal(0))),
        stopped_text=_describe_stop(batch, counts),
        max_failures_text=_describe_max_failures(batch) if live_count else "",
        again_text=_label_again(len(unmade.rows)),
        made_again_text=_describe_made_again(unmade.made_again_count),
        again_batch_ids=unmade.batch_ids,
        poll_seconds=_choose_poll_seconds(live_count),
        changed_version=get_changed_version(rows),
        items=[present_gallery_item(row, now=now) for row in rows],
    )


_SHOWN_STATES = (
    *(State.COMPLETED, State.SAVING, State.RUNNING, State.UNKNOWN, State.QUEUED),
    *(State.FAILED, State.CANCELLED),
)


def _group_state(row: Generation) -> State:
    """What is being sent counts as in progress."""
    state = State(row.state)
    return State.RUNNING if state is State.SENDING else state


def _choose_poll_seconds(live_count: int) -> int:
    if not live_count:
        return 0
    return MANY_POLL_SECONDS if live_count > MANY_LIVE else POLL_SECONDS


def _describe_stop(batch: Batch, counts: "Counter[State]") -> str:
    """That the rest was cancelled, and why; "" if not."""
    if batch.stopped_at is None:
        return ""
    has_failed_too_often = batch.max_failures and counts[State.FAILED] >= batch.max_failures
    reason = (
        ngettext(
            "Stopped by itself after {n} failure.",
            "Stopped by itself after {n} failures.",
            batch.max_failures or 0,
        ).format(n=batch.max_failures)
        if has_failed_too_often
        else _("Stopped.")
    )
    return _("{reason} What was not sent yet was cancelled; nothing is charged for it.").format(
        reason=reason
    )


def get_changed_version(rows: Sequence[Generation]) -> int:
    """The newest version of these rows; 0 without any."""
    return max((row.changed_version for row in rows), default=0)


def _label_again(count: int) -> str:
    if not count:
        return ""
    return ngettext(
        "Send {n} missing film again",
        "Send {n} missing films again",
        count,
    ).format(n=count)


def _describe_made_again(count: int) -> str:
    if not count:
        return ""
    return ngettext(
        "{n} missing film was sent again already.",
        "{n} missing films were sent again already.",
        count,
    ).format(n=count)


def _describe_max_failures(batch: Batch) -> str:
    """When it stops by itself; "" for never, or when it has stopped."""
    if batch.max_failures is None or batch.stopped_at is not None:
        return ""
    return ngettext(
        "Stops by itself after {n} failure.",
        "Stops by itself after {n} failures.",
        batch.max_failures,
    ).format(n=batch.max_failures)
