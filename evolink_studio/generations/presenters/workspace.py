"""The films of a page: one large on the stage, the others on the rail. Each stands there once."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from evolink_studio.accounts.models import User
from evolink_studio.core.formatting import format_credits
from evolink_studio.credits.models import ProviderAccount
from evolink_studio.generations import queries
from evolink_studio.generations.change_feed import FeedState, FeedToken, feed_state
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.provider import provider_key
from evolink_studio.generations.presenters.cards import Card, present_card, present_progress
from evolink_studio.generations.presenters.quotes import key_rejected_text


@dataclass(frozen=True)
class UsageBadge:
    """Credits of a person, and what EvoLink says is left, with its age."""

    reserved: str
    charged_today: str
    charged_this_month: str
    balance: str
    balance_read_iso: str
    balance_note: str


@dataclass(frozen=True)
class Poller:
    """The page's one poller."""

    url: str
    is_running: bool
    token: str


@dataclass(frozen=True)
class Banner:
    """A line above everything: `kind` is info, warn or error."""

    kind: str
    text: str


def usage_badge(user: User, account: ProviderAccount, now: datetime) -> UsageBadge:
    """The credit badge. One query."""
    spending = queries.get_spending(user, now)
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


def poller(selected_id: int | None, is_running: bool, token: FeedToken) -> Poller:
    """The poller of a page that shows generation `selected_id` large."""
    url = f"{reverse('live')}?since={token}&show={selected_id or ''}"
    return Poller(url=url, is_running=is_running, token=str(token))


def build_banners(account: ProviderAccount, feed: FeedState, now: datetime) -> list[Banner]:
    """What everybody on the page has to know."""
    banners = []
    if account.key_state == ProviderAccount.KeyState.REJECTED:
        banners.append(Banner("error", key_rejected_text()))
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
    """`selected_card` is None before the first generation."""

    selected_card: Card | None
    cards: list[Card]

    @property
    def selected_id(self) -> int | None:
        return self.selected_card.id if self.selected_card else None


@dataclass(frozen=True)
class RenderedList:
    """What a page says of its rail: the version it was drawn from, and the numbers on it."""

    version: int
    card_ids: Sequence[int]

    def find_missing(self, rows: Sequence[Generation]) -> list[Generation] | None:
        """What must be put before its rail, to be these rows in their order; None if more must."""
        missing = [row for row in rows if row.pk not in self.card_ids]
        wanted_ids = [row.pk for row in rows]
        kept_ids = [pk for pk in self.card_ids if pk in wanted_ids]
        return missing if wanted_ids == [row.pk for row in missing] + kept_ids else None


def build_workspace(user: User, *, selected_id: int | None, now: datetime) -> Workspace:
    """The newest generations, `selected_id` on the stage if it is theirs, else the newest."""
    selected, listed = _load_rows(user, selected_id)
    positions = queries.queue_positions_for(user, [selected, *listed] if selected else listed)
    return Workspace(
        selected_card=present_card(selected, now=now, positions=positions) if selected else None,
        cards=[present_card(row, now=now, positions=positions) for row in listed],
    )


def _load_rows(user: User, selected_id: int | None) -> tuple[Generation | None, list[Generation]]:
    rows = queries.recent_generations(user)
    selected = _select_row(user, rows, selected_id)
    return selected, [row for row in rows if selected is None or row.pk != selected.pk]


def _select_row(user: User, rows: list[Generation], selected_id: int | None) -> Generation | None:
    for row in rows:
        if row.pk == selected_id:
            return row
    if selected_id is not None:
        return queries.get_generation_or_404(user, selected_id)
    return rows[0] if rows else None


def changed_fragments(
    user: User,
    rows: Sequence[Generation],
    *,
    since: FeedToken,
    selected_id: int | None,
    steady_bar_ids: Container[int | None],
    now: datetime,
) -> dict[str, object]:
    """What to draw of these rows on a page that shows `selected_id` large, and `steady_bar_ids`
    that are steady.

    Where only the bar moved it is drawn alone. Each comes with whether it stands on the stage.
    """
    positions = queries.queue_positions_for(user, rows)
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


def changed_header(
    user: User, *, since: FeedToken, feed: FeedState, now: datetime
) -> dict[str, object]:
    """The badge and the banners, where they may have changed since a page was drawn.

    While only bars move they stay as they are: no query. Else three.
    """
    token = feed.get_token(now)
    if (token.credits_version, token.header_state) == (since.credits_version, since.header_state):
        return {}
    return _header_context(user, feed, queries.current_provider_account(), now)


def _header_context(
    user: User, feed: FeedState, account: ProviderAccount, now: datetime
) -> dict[str, object]:
    return {
        "usage_badge": usage_badge(user, account, now),
        "banners": build_banners(account, feed, now),
    }


def workspace_context(
    user: User, *, selected_id: int | None, account: ProviderAccount, now: datetime
) -> dict[str, object]:
    """Everything of a page but its form. The pulse comes first: what happens later is news."""
    feed = feed_state(user, provider_key())
    workspace = build_workspace(user, selected_id=selected_id, now=now)
    return {
        "selected_card": workspace.selected_card,
        "cards": workspace.cards,
        "poller": poller(workspace.selected_id, feed.has_watched, feed.get_token(now)),
        **_header_context(user, feed, account, now),
    }


def after_submit_context(
    user: User,
    *,
    rendered: RenderedList | None,
    selected_id: int,
    account: ProviderAccount,
    now: datetime,
) -> dict[str, object]:
    """What to draw after a press: of the rail only what does not stand on the page as it is.

    The whole desk where the page does not say, or more than the beginning of its rail is another.
    """
    feed = feed_state(user, provider_key())
    selected, listed = _load_rows(user, selected_id)
    missing = rendered.find_missing(listed) if rendered else None
    if rendered is None or selected is None or missing is None or selected.pk in rendered.card_ids:
        return workspace_context(user, selected_id=selected_id, account=account, now=now)
    changed = [row for row in listed if row in missing or row.changed_version > rendered.version]
    positions = queries.queue_positions_for(user, [selected, *changed])
    listed_ids = {row.pk for row in listed}
    return {
        "selected_card": present_card(selected, now=now, positions=positions),
        "changed_cards": [
            present_card(row, now=now, positions=positions) for row in changed if row not in missing
        ],
        "missing_cards": [
            present_card(row, now=now, positions=positions) for row in reversed(missing)
        ],
        "removed_ids": [pk for pk in rendered.card_ids if pk not in listed_ids],
        "poller": poller(selected.pk, feed.has_watched, feed.get_token(now)),
        "is_partial": True,
        **_header_context(user, feed, account, now),
    }
