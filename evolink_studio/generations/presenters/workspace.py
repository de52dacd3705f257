"""The films of a page: one large on the stage, the others on the rail. Each stands there once."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from evolink_studio.accounts.models import User
from evolink_studio.core.formatting import credits_text
from evolink_studio.credits.models import FarAccount
from evolink_studio.generations import queries
from evolink_studio.generations.change_feed import Pulse, Token, pulse
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.provider import far_name
from evolink_studio.generations.presenters.cards import Card, bar, card
from evolink_studio.generations.presenters.quotes import key_refused


@dataclass(frozen=True)
class Usage:
    """Credits of a person, and what EvoLink says is left, with its age."""

    reserved: str
    today: str
    month: str
    balance: str
    balance_age_iso: str
    balance_note: str


@dataclass(frozen=True)
class Live:
    """The page's one poller."""

    url: str
    running: bool
    token: str


@dataclass(frozen=True)
class Banner:
    """A line above everything: `kind` is info, warn or error."""

    kind: str
    text: str


def usage(user: User, account: FarAccount, now: datetime) -> Usage:
    """The credit badge. One query."""
    spent = queries.spending(user, now)
    return Usage(
        reserved=credits_text(spent.reserved),
        today=credits_text(spent.today),
        month=credits_text(spent.month),
        balance=credits_text(account.spendable),
        balance_age_iso=account.read.isoformat() if account.read else "",
        balance_note=_balance_note(account),
    )


def _balance_note(account: FarAccount) -> str:
    if account.read is None:
        return _("not read yet")
    if account.tried != account.read:
        return _("EvoLink did not answer the last time")
    return ""


def live(shown: int | None, running: bool, token: Token) -> Live:
    """The poller of a page that shows generation `shown` large."""
    url = f"{reverse('live')}?since={token}&show={shown or ''}"
    return Live(url=url, running=running, token=str(token))


def banners(account: FarAccount, pulse: Pulse, now: datetime) -> list[Banner]:
    """What everybody on the page has to know."""
    lines = []
    if account.key_state == FarAccount.KeyState.REFUSED:
        lines.append(Banner("error", key_refused()))
    elif account.problem:
        lines.append(
            Banner("warn", _("EvoLink cannot be reached right now. Drafts and waiting work keep."))
        )
    if pulse.worker_away(now):
        lines.append(
            Banner(
                "warn",
                _("The studio's worker is away: nothing is sent or updated until it is back."),
            )
        )
    return lines


@dataclass(frozen=True)
class Desk:
    """`stage` is None before the first generation."""

    stage: Card | None
    rail: list[Card]

    @property
    def shown(self) -> int | None:
        return self.stage.id if self.stage else None


@dataclass(frozen=True)
class Laid:
    """What a page says of its rail: the version it was drawn from, and the numbers on it."""

    version: int
    rail: Sequence[int]

    def lacks(self, rows: Sequence[Generation]) -> list[Generation] | None:
        """What must be put before its rail, to be these rows in their order; None if more must."""
        missing = [row for row in rows if row.pk not in self.rail]
        wanted = [row.pk for row in rows]
        stays = [pk for pk in self.rail if pk in wanted]
        return missing if wanted == [row.pk for row in missing] + stays else None


def desk(user: User, *, show: int | None, now: datetime) -> Desk:
    """The newest generations, `show` on the stage if it is theirs, else the newest."""
    staged, rail = _rows(user, show)
    ahead = queries.ahead(user, [staged, *rail] if staged else rail)
    return Desk(
        stage=card(staged, now=now, ahead=ahead) if staged else None,
        rail=[card(row, now=now, ahead=ahead) for row in rail],
    )


def _rows(user: User, show: int | None) -> tuple[Generation | None, list[Generation]]:
    rows = queries.recent(user)
    staged = _staged(user, rows, show)
    return staged, [row for row in rows if staged is None or row.pk != staged.pk]


def _staged(user: User, rows: list[Generation], show: int | None) -> Generation | None:
    for row in rows:
        if row.pk == show:
            return row
    if show is not None:
        return queries.own(user, show)
    return rows[0] if rows else None


def moved(
    user: User,
    rows: Sequence[Generation],
    *,
    since: Token,
    shown: int | None,
    bars: Container[int | None],
    now: datetime,
) -> dict[str, object]:
    """What to draw of these rows on a page that shows `shown` large, and `bars` that are steady.

    Where only the bar moved it is drawn alone. Each comes with whether it stands on the stage.
    """
    ahead = queries.ahead(user, rows)
    moving, changed, fresh = [], [], []
    for row in rows:
        staged = row.pk == shown
        alone = bar(row, now=now) if row.pk in bars else None
        if alone and alone.steady:
            moving.append((alone, staged))
        elif row.born > since.version:
            fresh.append(card(row, now=now, ahead=ahead))
        else:
            changed.append((card(row, now=now, ahead=ahead), staged))
    return {"bars": moving, "changed": changed, "fresh": fresh}


def moved_around(user: User, *, since: Token, pulse: Pulse, now: datetime) -> dict[str, object]:
    """The badge and the banners, where they may have changed since a page was drawn.

    While only bars move they stay as they are: no query. Else three.
    """
    fresh = pulse.token(now)
    if (fresh.money, fresh.around) == (since.money, since.around):
        return {}
    return _around(user, pulse, queries.account_now(), now)


def _around(user: User, pulse: Pulse, account: FarAccount, now: datetime) -> dict[str, object]:
    return {
        "usage": usage(user, account, now),
        "banners": banners(account, pulse, now),
    }


def whole(user: User, *, show: int | None, account: FarAccount, now: datetime) -> dict[str, object]:
    """Everything of a page but its form. The pulse comes first: what happens later is news."""
    first = pulse(user, far_name())
    table = desk(user, show=show, now=now)
    return {
        "stage": table.stage,
        "rail": table.rail,
        "live": live(table.shown, first.watched, first.token(now)),
        **_around(user, first, account, now),
    }


def pressed(
    user: User, *, page: Laid | None, show: int, account: FarAccount, now: datetime
) -> dict[str, object]:
    """What to draw after a press: of the rail only what does not stand on the page as it is.

    The whole desk where the page does not say, or more than the beginning of its rail is another.
    """
    first = pulse(user, far_name())
    staged, rail = _rows(user, show)
    missing = page.lacks(rail) if page else None
    if page is None or staged is None or missing is None or staged.pk in page.rail:
        return whole(user, show=show, account=account, now=now)
    rows = [row for row in rail if row in missing or row.version > page.version]
    ahead = queries.ahead(user, [staged, *rows])
    stays = {row.pk for row in rail}
    return {
        "stage": card(staged, now=now, ahead=ahead),
        "changed": [card(row, now=now, ahead=ahead) for row in rows if row not in missing],
        "missing": [card(row, now=now, ahead=ahead) for row in reversed(missing)],
        "gone": [pk for pk in page.rail if pk not in stays],
        "live": live(staged.pk, first.watched, first.token(now)),
        "part": True,
        **_around(user, first, account, now),
    }
