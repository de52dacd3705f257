"""What a person may still spend: for the button, the badge and the page without credits.

What is left is never shown below 0. It can be less: when EvoLink charges more than it was asked
to reserve, or when an allowance is lowered. `over` says by how much.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from evolink_studio.accounts.models import User
from evolink_studio.credits.allowances import (
    admit,
    applying,
    applying_to,
    cap_of,
    in_period,
    includes,
    whose,
)
from evolink_studio.credits.exceptions import NoRoom, OverAllowance
from evolink_studio.credits.models import Allowance, Purse
from evolink_studio.credits.periods import reset
from evolink_studio.credits.queries import owner_names

THRESHOLDS = (50, 80, 100)
ZERO = Decimal(0)


@dataclass(frozen=True)
class Standing:
    """An allowance in its present period. All amounts in credits; None means without a limit."""

    allowance: Allowance
    limit: Decimal | None
    reserved: Decimal
    charged: Decimal
    resets: datetime | None

    @property
    def used(self) -> Decimal:
        return self.reserved + self.charged

    @property
    def available(self) -> Decimal | None:
        return None if self.limit is None else max(ZERO, self.limit - self.used)

    @property
    def over(self) -> Decimal:
        """How much more than the limit was used."""
        return ZERO if self.limit is None else max(ZERO, self.used - self.limit)

    @property
    def reached(self) -> tuple[int, ...]:
        """The thresholds, in percent, that are reached."""
        return reached(self.limit, self.used)

    @property
    def percent(self) -> int | None:
        """How much of the limit is used, rounded down."""
        return int(100 * self.used / self.limit) if self.limit else None


@dataclass(frozen=True)
class Room:
    """What the button says. `available` is the least that is left anywhere, None without a limit.

    `resets` belongs to the allowance with the least. `warnings` are the thresholds (percent) of
    any allowance that are reached once this generation is sent. `needed` is what it would reserve,
    `most` the most that would be let through. `tightest` has the least left of all `standings`.
    """

    standings: tuple[Standing, ...]
    tightest: Standing | None
    available: Decimal | None
    most: Decimal | None
    needed: Decimal | None
    allowed: bool
    refusal: NoRoom | None
    warnings: tuple[int, ...]
    resets: datetime | None

    def includes(self, model_id: str) -> bool:
        """Whether every allowance is for this model, too."""
        return includes([one.allowance for one in self.standings], model_id)


def room(
    *,
    person: User,
    model_id: str,
    amount: Decimal | None,
    at_most: Decimal | None = None,
    running: int,
    now: datetime,
) -> Room:
    """Whether this could be sent now. Two queries, three when it could not.

    It is a look, not a promise: only `ledger.reserve` holds credits.
    """
    standing = standings(person, now)
    tightest = tightest_of(standing)
    needed, refusal = None, None
    allowances = [one.allowance for one in standing]
    try:
        needed = admit(
            allowances, model_id=model_id, amount=amount, at_most=at_most, running=running
        )
        _fits(tightest, needed)
    except NoRoom as found:
        refusal = found
        refusal.owners = owner_names()
    taken = needed or ZERO
    available = tightest.available if tightest else None
    limits = [limit for limit in (available, cap_of(allowances)) if limit is not None]
    return Room(
        standings=standing,
        tightest=tightest,
        available=available,
        most=min(limits, default=None),
        needed=needed,
        allowed=refusal is None,
        refusal=refusal,
        warnings=max((reached(one.limit, one.used + taken) for one in standing), default=()),
        resets=tightest.resets if tightest else None,
    )


def standings(person: User, now: datetime) -> tuple[Standing, ...]:
    """Every allowance that applies to a person, as it stands. Two queries."""
    allowances = applying(person)
    mine = Q(person=person) | Q(person=None)
    purses = Purse.objects.filter(mine, in_period(allowances, now))
    used = {purse.allowance_id: purse for purse in purses}
    return tuple(_standing(row, used.get(row.pk), now) for row in allowances)


def standings_of(people: Collection[int], now: datetime) -> dict[int, tuple[Standing, ...]]:
    """The same for many people, by their numbers. Three queries."""
    allowances = applying_to(people)
    every = {row.pk: row for rows in allowances.values() for row in rows}
    theirs = Q(person__in=people) | Q(person=None)
    purses = Purse.objects.filter(theirs, in_period(list(every.values()), now))
    used = {(purse.allowance_id, purse.person_id): purse for purse in purses}
    return {
        person: tuple(_standing(row, used.get((row.pk, row.purse_of(person))), now) for row in rows)
        for person, rows in allowances.items()
    }


def tightest_of(standings: Iterable[Standing]) -> Standing | None:
    """The one with the least left; None where nothing is limited."""
    limited = (one for one in standings if one.available is not None)
    return min(limited, key=lambda one: one.available or ZERO, default=None)


def reached(limit: Decimal | None, used: Decimal) -> tuple[int, ...]:
    """The thresholds that `used` reaches."""
    if limit is None or not used:
        return ()
    return tuple(percent for percent in THRESHOLDS if used * 100 >= limit * percent)


def _standing(allowance: Allowance, purse: Purse | None, now: datetime) -> Standing:
    return Standing(
        allowance=allowance,
        limit=allowance.amount,
        reserved=purse.reserved if purse else ZERO,
        charged=purse.charged if purse else ZERO,
        resets=reset(allowance.period, allowance.starts(now)),
    )


def _fits(tightest: Standing | None, needed: Decimal) -> None:
    if tightest is None or tightest.available is None:
        return
    if needed > tightest.available or tightest.over:
        kind, group = whose(tightest.allowance)
        raise OverAllowance(
            available=tightest.available,
            needed=needed,
            resets=tightest.resets,
            whose=kind,
            group=group,
        )
