"""The workspace page: the selected card, the list of other cards, the poller and the header."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.urls import reverse
from django.utils.translation import gettext as _

from evolink_studio.accounts.models import User
from evolink_studio.core.formatting import format_credits
from evolink_studio.credits.models import ProviderAccount
from evolink_studio.generations import queries
from evolink_studio.generations.change_feed import FeedState, FeedToken, get_feed_state
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.provider import get_provider_key
from evolink_studio.generations.presenters.cards import Card, present_card, present_progress
from evolink_studio.generations.presenters.poll_schedule import choose_poll_seconds
from evolink_studio.generations.presenters.quotes import build_key_rejected_text
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
class Workspace:
    """The selected card and the others; `selected_card` is None without a generation."""

    selected_card: Card | None
    cards: list[Card]

    @property
    def selected_id(self) -> int | None:
        return self.selected_card.id if self.selected_card else None


@dataclass(frozen=True)
class RenderedList:
    """The card list of a page: the version it was rendered from, and the ids on it."""

    version: int
    card_ids: Sequence[int]

    def find_missing(self, rows: Sequence[Generation]) -> list[Generation] | None:
        """The rows to put before the list so that it shows `rows`; None if that is not enough."""
        missing_rows = [row for row in rows if row.pk not in self.card_ids]
        wanted_ids = [row.pk for row in rows]
        remaining_ids = [pk for pk in self.card_ids if pk in wanted_ids]
        expected_ids = [row.pk for row in missing_rows] + remaining_ids
        return missing_rows if wanted_ids == expected_ids else None


def build_workspace(user: User, *, selected_id: int | None, now: datetime) -> Workspace:
    """The newest generations, with `selected_id` selected, else the newest.

    Raises Http404 for a foreign `selected_id`.
    """
    selected_row, listed_rows = _load_rows(user, selected_id)
    positions = queries.get_queue_positions_for(
        user, [selected_row, *listed_rows] if selected_row else listed_rows
    )
    return Workspace(
        selected_card=present_card(selected_row, now=now, positions=positions)
        if selected_row
        else None,
        cards=[present_card(row, now=now, positions=positions) for row in listed_rows],
    )


def _load_rows(user: User, selected_id: int | None) -> tuple[Generation | None, list[Generation]]:
    rows = queries.list_recent_generations(user)
    selected_row = _select_row(user, rows, selected_id)
    return selected_row, [row for row in rows if selected_row is None or row.pk != selected_row.pk]


def _select_row(user: User, rows: list[Generation], selected_id: int | None) -> Generation | None:
    for row in rows:
        if row.pk == selected_id:
            return row
    if selected_id is not None:
        return queries.get_generation_or_404(user, selected_id)
    return rows[0] if rows else None


def build_changed_fragments(
    user: User,
    rows: Sequence[Generation],
    *,
    since: FeedToken,
    selected_id: int | None,
    steady_bar_ids: Container[int | None],
    now: datetime,
) -> dict[str, object]:
    """What to render of changed rows on a page with `selected_id` selected.

    A row in `steady_bar_ids` that is still steady needs only its progress bar. Bars and changed
    cards come as pairs with `is_selected`.
    """
    positions = queries.get_queue_positions_for(user, rows)
    progress_bars, changed_cards, new_cards = [], [], []
    for row in rows:
        is_selected = row.pk == selected_id
        progress_bar = present_progress(row, now=now) if row.pk in steady_bar_ids else None
        if progress_bar and progress_bar.is_steady:
            progress_bars.append((progress_bar, is_selected))
        elif row.created_version > since.version:
            new_cards.append(present_card(row, now=now, positions=positions))
        else:
            changed_cards.append((present_card(row, now=now, positions=positions), is_selected))
    return {
        "progress_bars": progress_bars,
        "changed_cards": changed_cards,
        "new_cards": new_cards,
    }


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
        "cards": workspace.cards,
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

    The whole workspace if `rendered_list` is None or the list changed beyond its beginning.
    """
    feed = get_feed_state(user, get_provider_key())
    selected_row, listed_rows = _load_rows(user, selected_id)
    missing_rows = rendered_list.find_missing(listed_rows) if rendered_list else None
    if (
        rendered_list is None
        or selected_row is None
        or missing_rows is None
        or selected_row.pk in rendered_list.card_ids
    ):
        return build_workspace_context(user, selected_id=selected_id, account=account, now=now)
    changed_rows = [
        row
        for row in listed_rows
        if row in missing_rows or row.changed_version > rendered_list.version
    ]
    positions = queries.get_queue_positions_for(user, [selected_row, *changed_rows])
    listed_ids = {row.pk for row in listed_rows}
    return {
        "selected_card": present_card(selected_row, now=now, positions=positions),
        "changed_cards": [
            present_card(row, now=now, positions=positions)
            for row in changed_rows
            if row not in missing_rows
        ],
        "missing_cards": [
            present_card(row, now=now, positions=positions) for row in reversed(missing_rows)
        ],
        "removed_ids": [pk for pk in rendered_list.card_ids if pk not in listed_ids],
        "poller": build_poller(user, selected_row.pk, feed, now),
        "is_partial": True,
        **_header_context(user, feed, account, now),
    }
