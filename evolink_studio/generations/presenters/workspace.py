"""The workspace page: stage, rail, the strip that says what is in the making, poller and header."""

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evolink_studio.accounts.models import User
from evolink_studio.core.formatting import format_credits
from evolink_studio.credits.models import ProviderAccount
from evolink_studio.generations import queries
from evolink_studio.generations.change_feed import (
    MAX_WATCHED,
    FeedState,
    FeedToken,
    get_feed_state,
)
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.provider import get_provider_key
from evolink_studio.generations.pipeline.queue import QueuePosition
from evolink_studio.generations.presenters.cards import Card, present_card, present_progress
from evolink_studio.generations.presenters.poll_schedule import choose_poll_seconds
from evolink_studio.generations.presenters.quotes import build_key_rejected_text
from evolink_studio.generations.presenters.stage import StageCard, Take, present_stage_card
from evolink_studio.generations.states import State
from evolink_studio.generations.usage_report import get_spending


@dataclass(frozen=True)
class UsageBadge:
    """Credits of a person, and EvoLink's balance with the time it was read."""

    reserved: str
    charged_today: str
    charged_this_month: str
    balance: str
    balance_read_iso: str
    balance_note: str


@dataclass(frozen=True)
class Poller:
    """The one poller of a page; `token` is the state it was rendered from.

    `ask_after_seconds` has one decimal; "" when nothing runs: then the page does not ask by itself.
    """

    url: str
    token: str
    selected_id: int | None
    ask_after_seconds: str


@dataclass(frozen=True)
class Banner:
    """A line at the top of the page: `kind` is info, warn or error."""

    kind: str
    text: str


def build_usage_badge(user: User, account: ProviderAccount, now: datetime) -> UsageBadge:
    """The credit badge. One query."""
    spending = get_spending(user, now)
    return UsageBadge(
        reserved=format_credits(spending.reserved),
        charged_today=format_credits(spending.charged_today),
        charged_this_month=format_credits(spending.charged_this_month),
        balance=format_credits(account.credits_available),
        balance_read_iso=account.read_at.isoformat() if account.read_at else "",
        balance_note=_balance_note(account),
    )


def _balance_note(account: ProviderAccount) -> str:
    if account.read_at is None:
        return _("not read yet")
    if account.tried_at != account.read_at:
        return _("EvoLink did not answer the last time")
    return ""


@cache
def get_live_path() -> str:
    """Where a page polls. Most requests ask for it, so it is not looked up each time."""
    return reverse("live")


def build_poller(user: User, selected_id: int | None, feed: FeedState, now: datetime) -> Poller:
    """The poller of a person's page with generation `selected_id` selected."""
    token = feed.get_token(now)
    return Poller(
        url=f"{get_live_path()}?since={token}&show={selected_id or ''}&for={user.pk}",
        token=str(token),
        selected_id=selected_id,
        ask_after_seconds=choose_poll_seconds(feed.watched, now),
    )


def build_banners(account: ProviderAccount, feed: FeedState, now: datetime) -> list[Banner]:
    """Banners about the API key, the provider and the worker."""
    banners = []
    if account.key_state == ProviderAccount.KeyState.REJECTED:
        banners.append(Banner("error", build_key_rejected_text()))
    elif account.last_error:
        banners.append(
            Banner("warn", _("EvoLink cannot be reached right now. Drafts and waiting work keep."))
        )
    if feed.is_worker_away(now):
        banners.append(
            Banner(
                "warn",
                _("The studio's worker is away: nothing is sent or updated until it is back."),
            )
        )
    return banners


@dataclass(frozen=True)
class QueueStrip:
    """What is in the making: `text` counts it, "" when there is nothing.

    `waiting_count` can be cancelled in one press. `all_url` leads to the list of all, where the
    rail does not show them all; else "".
    """

    text: str
    waiting_count: int
    all_url: str

    @property
    def cancel_text(self) -> str:
        return ngettext(
            "Cancel the one that waits", "Cancel all {n} that wait", self.waiting_count
        ).format(n=self.waiting_count)


def build_queue_strip(user: User, feed: FeedState) -> QueueStrip:
    """The strip above the rail. No query, but one where somebody has very much in the making."""
    if len(feed.watched) < MAX_WATCHED:
        counts = Counter(task.state for task in feed.watched)
    else:
        counts = Counter(queries.count_live_states(user))
    waiting_count = counts.pop(State.QUEUED, 0)
    running_count = counts.total()
    parts = []
    if running_count:
        parts.append(ngettext("{n} running", "{n} running", running_count).format(n=running_count))
    if waiting_count:
        parts.append(ngettext("{n} waiting", "{n} waiting", waiting_count).format(n=waiting_count))
    has_more = running_count + waiting_count > queries.LIVE_LIMIT
    return QueueStrip(
        text=" · ".join(parts),
        waiting_count=waiting_count,
        all_url=f"{reverse('films')}?of=making" if has_more else "",
    )


@dataclass(frozen=True)
class TakeGroup:
    """The takes of one press as one entry of the rail; it stands where its first one would."""

    batch_id: int
    prompt: str
    order: str
    show_url: str
    first_id: int
    takes: tuple[Take, ...]


RailEntry = Card | TakeGroup


@dataclass(frozen=True)
class Workspace:
    """The selected card and the others; `selected_card` is None without a generation."""

    selected_card: StageCard | None
    entries: list[RailEntry]

    @property
    def selected_id(self) -> int | None:
        return self.selected_card.id if self.selected_card else None


@dataclass(frozen=True)
class RenderedList:
    """The card list of a page: the version it was rendered from, and the ids on it."""

    version: int
    card_ids: Sequence[int]


def build_workspace(user: User, *, selected_id: int | None, now: datetime) -> Workspace:
    """What is live and what ended last, with `selected_id` selected, else the newest.

    Raises Http404 for a foreign `selected_id`.
    """
    rows = _load_rows(user, selected_id)
    positions = queries.get_queue_positions_for(user, rows.all_rows)
    selected_card = (
        present_stage_card(user, rows.selected, now=now, positions=positions)
        if rows.selected
        else None
    )
    entries = _present_entries(rows.listed, rows.take_ids, now=now, positions=positions)
    return Workspace(selected_card, entries)


@dataclass(frozen=True)
class WorkspaceRows:
    """The selected row and those of the rail, in which the takes of its own press do not stand.

    `take_ids`: of the batches among them that are takes, the generations by batch, in their order.
    """

    selected: Generation | None
    listed: list[Generation]
    take_ids: Mapping[int, Sequence[int]]

    @property
    def all_rows(self) -> list[Generation]:
        return [self.selected, *self.listed] if self.selected else self.listed

    def find_takes(self, row: Generation) -> Sequence[int]:
        """All takes of the press of this row; () if it was no press of several."""
        return _find_take_ids(row, self.take_ids)


def _load_rows(user: User, selected_id: int | None) -> WorkspaceRows:
    rows = queries.list_recent_generations(user)
    selected_row = _select_row(user, rows, selected_id)
    batch_ids = {row.batch_id for row in (*rows, selected_row) if row and row.batch_id}
    take_ids = queries.list_take_ids(batch_ids)
    staged_ids = (
        {selected_row.pk, *_find_take_ids(selected_row, take_ids)} if selected_row else set()
    )
    # The takes of a press are listed whole, also where the list's limit falls between them.
    listed_ids = {row.pk for row in rows}
    missing_ids = {
        pk for row in rows for pk in _find_take_ids(row, take_ids) if pk not in listed_ids
    }
    rows += queries.list_shown_generations(user, missing_ids - staged_ids)
    return WorkspaceRows(selected_row, [row for row in rows if row.pk not in staged_ids], take_ids)


def _find_take_ids(row: Generation, take_ids: Mapping[int, Sequence[int]]) -> Sequence[int]:
    """All takes of the press of this row; () if it was no press of several."""
    ids = take_ids.get(row.batch_id, ()) if row.batch_id else ()
    return ids if len(ids) > 1 else ()


def _select_row(user: User, rows: list[Generation], selected_id: int | None) -> Generation | None:
    for row in rows:
        if row.pk == selected_id:
            return row
    if selected_id is not None:
        return queries.get_generation_or_404(user, selected_id)
    return max(rows, key=lambda row: (row.created_at, row.pk), default=None)


def _present_entries(
    rows: Sequence[Generation],
    take_ids: Mapping[int, Sequence[int]],
    *,
    now: datetime,
    positions: Mapping[int, QueuePosition],
) -> list[RailEntry]:
    """The rows as cards, takes of one press as one entry where the first of them stands."""
    entries: list[RailEntry] = []
    grouped_ids: set[int] = set()
    for row in rows:
        ids = _find_take_ids(row, take_ids)
        if not ids:
            entries.append(present_card(row, now=now, positions=positions))
        elif row.pk not in grouped_ids:
            grouped_ids.update(ids)
            entries.append(_present_group(row, [one for one in rows if one.pk in ids], ids, now))
    return entries


def _present_group(
    first_row: Generation, rows: Sequence[Generation], take_ids: Sequence[int], now: datetime
) -> TakeGroup:
    card = present_card(first_row, now=now)
    takes = [_present_take(row, take_ids, now) for row in rows]
    return TakeGroup(
        batch_id=first_row.batch_id or 0,
        prompt=card.prompt or card.model_label,
        order=card.order,
        show_url=card.show_url,
        first_id=card.id,
        takes=tuple(sorted(takes, key=lambda take: take.number)),
    )


def _present_take(row: Generation, take_ids: Sequence[int], now: datetime) -> Take:
    number = take_ids.index(row.pk) + 1
    return Take(present_card(row, now=now), number, is_selected=False)


def build_changed_fragments(
    user: User,
    rows: Sequence[Generation],
    *,
    since: FeedToken,
    feed: FeedState,
    selected_id: int | None,
    steady_bar_ids: Container[int | None],
    now: datetime,
) -> dict[str, object]:
    """What to render of changed rows on a page with `selected_id` selected.

    A row in `steady_bar_ids` that is still steady needs only its progress bar; bars come as pairs
    with `is_selected`. What was put into the trash leaves the rail; the stage keeps what somebody
    looks at. The strip comes with any other change.
    """
    positions = queries.get_queue_positions_for(user, rows)
    take_ids = queries.list_take_ids({row.batch_id for row in rows if row.batch_id})
    progress_bars, changed_cards, changed_takes, new_rows, removed_ids = [], [], [], [], []
    selected_card = None
    for row in rows:
        is_selected = row.pk == selected_id
        progress_bar = present_progress(row, now=now) if row.pk in steady_bar_ids else None
        if progress_bar and progress_bar.is_steady:
            progress_bars.append((progress_bar, is_selected))
        elif row.trashed_at and not is_selected:
            removed_ids.append(row.pk)
        elif row.created_version > since.version:
            new_rows.append(row)
        elif is_selected:
            selected_card = present_stage_card(user, row, now=now, positions=positions)
        elif ids := _find_take_ids(row, take_ids):
            changed_takes.append(_present_take(row, ids, now))
        else:
            changed_cards.append(present_card(row, now=now, positions=positions))
    fragments: dict[str, object] = {
        "progress_bars": progress_bars,
        "changed_stage_card": selected_card,
        "changed_cards": changed_cards,
        "changed_takes": changed_takes,
        "new_entries": _present_entries(new_rows, take_ids, now=now, positions=positions),
        "removed_ids": removed_ids,
    }
    if any(value for name, value in fragments.items() if name != "progress_bars"):
        fragments["strip"] = build_queue_strip(user, feed)
    return fragments


def build_changed_header(
    user: User, *, since: FeedToken, feed: FeedState, now: datetime
) -> dict[str, object]:
    """The badge and the banners, if they may have changed since `since`; else {}.

    No query without a change, else three.
    """
    token = feed.get_token(now)
    if (token.credits_version, token.header_state) == (since.credits_version, since.header_state):
        return {}
    return _header_context(user, feed, queries.get_current_provider_account(), now)


def _header_context(
    user: User, feed: FeedState, account: ProviderAccount, now: datetime
) -> dict[str, object]:
    return {
        "usage_badge": build_usage_badge(user, account, now),
        "banners": build_banners(account, feed, now),
    }


def build_workspace_context(
    user: User, *, selected_id: int | None, account: ProviderAccount, now: datetime
) -> dict[str, object]:
    """Everything of a page but its form. The feed is read first, so that no change is missed."""
    feed = get_feed_state(user, get_provider_key())
    workspace = build_workspace(user, selected_id=selected_id, now=now)
    return {
        "selected_card": workspace.selected_card,
        "entries": workspace.entries,
        "strip": build_queue_strip(user, feed),
        "poller": build_poller(user, workspace.selected_id, feed, now),
        **_header_context(user, feed, account, now),
    }


def build_after_submit_context(
    user: User,
    *,
    rendered_list: RenderedList | None,
    selected_id: int,
    account: ProviderAccount,
    now: datetime,
) -> dict[str, object]:
    """What to render after a submission: of the card list only what changed.

    The whole workspace if `rendered_list` is None, or the selected card stands in it, or it has
    some takes of a press and not all: then the selected card was one of them.
    """
    feed = get_feed_state(user, get_provider_key())
    rows = _load_rows(user, selected_id)
    rendered_ids = set(rendered_list.card_ids) if rendered_list else set()
    missing_rows = [row for row in rows.listed if row.pk not in rendered_ids]
    if (
        rendered_list is None
        or rows.selected is None
        or rows.selected.pk in rendered_ids
        or any(not rendered_ids.isdisjoint(rows.find_takes(row)) for row in missing_rows)
    ):
        return build_workspace_context(user, selected_id=selected_id, account=account, now=now)
    changed_rows = [
        row
        for row in rows.listed
        if row.pk in rendered_ids and row.changed_version > rendered_list.version
    ]
    positions = queries.get_queue_positions_for(user, [rows.selected, *missing_rows, *changed_rows])
    kept_ids = {row.pk for row in rows.listed} | set(rows.find_takes(rows.selected))
    return {
        "selected_card": present_stage_card(user, rows.selected, now=now, positions=positions),
        "changed_cards": [
            present_card(row, now=now, positions=positions)
            for row in changed_rows
            if not rows.find_takes(row)
        ],
        "changed_takes": [
            _present_take(row, rows.find_takes(row), now)
            for row in changed_rows
            if rows.find_takes(row)
        ],
        "missing_entries": _present_entries(
            missing_rows, rows.take_ids, now=now, positions=positions
        ),
        "removed_ids": [pk for pk in rendered_list.card_ids if pk not in kept_ids],
        "strip": build_queue_strip(user, feed),
        "poller": build_poller(user, rows.selected.pk, feed, now),
        "is_partial": True,
        **_header_context(user, feed, account, now),
    }
