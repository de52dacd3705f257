"""The films of a page: one large on the stage, the others on the rail. Each stands there once."""

from dataclasses import dataclass
from datetime import datetime

from evolink_studio.accounts.models import User
from evolink_studio.credits.models import FarAccount
from evolink_studio.generations import pages, queries
from evolink_studio.generations.cards import Card, card
from evolink_studio.generations.models import Generation
from evolink_studio.generations.news import Pulse, Token, pulse
from evolink_studio.generations.steps.far import far_name


@dataclass(frozen=True)
class Desk:
    """`stage` is None before the first generation."""

    stage: Card | None
    rail: list[Card]

    @property
    def shown(self) -> int | None:
        return self.stage.id if self.stage else None


def desk(user: User, *, show: int | None, now: datetime) -> Desk:
    """The newest generations, `show` on the stage if it is theirs, else the newest."""
    rows = queries.recent(user)
    staged = _staged(user, rows, show)
    ahead = queries.ahead(user, rows)
    return Desk(
        stage=card(staged, now=now, ahead=ahead) if staged else None,
        rail=[
            card(row, now=now, ahead=ahead) for row in rows if staged is None or row.pk != staged.pk
        ],
    )


def _staged(user: User, rows: list[Generation], show: int | None) -> Generation | None:
    for row in rows:
        if row.pk == show:
            return row
    if show is not None:
        return queries.own(user, show)
    return rows[0] if rows else None


def moved_around(user: User, *, since: Token, pulse: Pulse, now: datetime) -> dict[str, object]:
    """The badge and the banners, where they may have changed since a page was drawn.

    While only bars move they stay as they are: no query. Else three.
    """
    fresh = pulse.token(now)
    if (fresh.money, fresh.around) == (since.money, since.around):
        return {}
    return _around(user, pulse, pages.account_now(), now)


def _around(user: User, pulse: Pulse, account: FarAccount, now: datetime) -> dict[str, object]:
    return {
        "usage": pages.usage(user, account, now),
        "banners": pages.banners(account, pulse, now),
    }


def whole(user: User, *, show: int | None, account: FarAccount, now: datetime) -> dict[str, object]:
    """Everything of a page but its form. The pulse comes first: what happens later is news."""
    first = pulse(user, far_name())
    table = desk(user, show=show, now=now)
    return {
        "stage": table.stage,
        "rail": table.rail,
        "live": pages.live(table.shown, first.watched, first.token(now)),
        **_around(user, first, account, now),
    }
