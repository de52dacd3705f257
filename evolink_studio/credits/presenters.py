"""How allowances stand, in words for their owner."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evolink_studio.core.formatting import amount_text
from evolink_studio.credits.allowances import whose
from evolink_studio.credits.availability import Room, Standing
from evolink_studio.credits.exceptions import Whose, whom_to_ask
from evolink_studio.credits.periods import Period
from evolink_studio.credits.queries import owner_names

_OWN = {
    Period.DAY: gettext_lazy("Your allowance today"),
    Period.WEEK: gettext_lazy("Your allowance this week"),
    Period.MONTH: gettext_lazy("Your allowance this month"),
    Period.NONE: gettext_lazy("Your allowance"),
}


@dataclass(frozen=True)
class Told:
    """One line: `left` is "12.5 of 100", `percent` (of 100 at most) is None without a limit."""

    title: str
    left: str
    percent: int | None
    when: str


@dataclass(frozen=True)
class Standings:
    """How a person stands: the tightest limit in one line, then every line, and whom to ask.

    `near`: half of an allowance or more is used once what is on the form is sent.
    """

    short: str
    lines: list[Told]
    who: str
    near: bool


def standing_words(space: Room) -> Standings | None:
    """None for who has no limit: there is nothing to keep an eye on. One query."""
    if space.tightest is None:
        return None
    (tightest,) = told([space.tightest])
    return Standings(
        short=f"{tightest.title}: {tightest.left}",
        lines=told(space.standings),
        who=whom_to_ask(owner_names()),
        near=bool(space.warnings),
    )


def told(standings: Iterable[Standing]) -> list[Told]:
    """Every allowance of a person as a page shows it."""
    return [
        Told(
            title=_title(one),
            left=_left(one),
            percent=None if one.percent is None else min(100, one.percent),
            when=_when(one),
        )
        for one in standings
    ]


def _title(standing: Standing) -> str:
    kind, group = whose(standing.allowance)
    if kind is Whose.GROUP:
        return _("Shared by “{group}”").format(group=group)
    if kind is Whose.STUDIO:
        return _("Shared by the whole studio")
    return str(_OWN[Period(standing.allowance.period)])


def _left(standing: Standing) -> str:
    if standing.limit is None or standing.available is None:
        return _("{used} used, no limit").format(used=amount_text(standing.used))
    return _("{left} of {limit} left").format(
        left=amount_text(standing.available), limit=amount_text(standing.limit)
    )


def _when(standing: Standing) -> str:
    if standing.limit is None or standing.resets is None:
        return ""
    return _("afresh on {date}").format(date=date_format(standing.resets, "DATE_FORMAT"))
