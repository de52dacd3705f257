"""Which allowances apply to a person, and what they say about one generation."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from django.db.models import Q

from evolink_studio.accounts.models import User
from evolink_studio.credits.exceptions import (
    ModelNotAllowed,
    NoAllowance,
    OverCap,
    PriceUnknown,
    TooManyRunning,
    Whose,
)
from evolink_studio.credits.models import Allowance
from evolink_studio.credits.periods import Period, start


def in_present_period(now: datetime, prefix: str = "", allowance: str = "allowance__") -> Q:
    """The purses of the period in which their allowance is now.

    `prefix` leads to the purse, `allowance` from where the query stands to the allowance.
    """
    found = Q()
    for period in Period.values:
        began = {f"{prefix}period": period, f"{prefix}starts": start(period, now)}
        found |= Q(**{f"{allowance}period": period}, **began)
    return found


Number = TypeVar("Number", int, Decimal)


def applying(person: User) -> tuple[Allowance, ...]:
    """Every allowance that must have room, in the order in which purses are locked. One query.

    What everybody is given each counts only for people for whom nothing more personal is set.
    """
    rows = Allowance.objects.filter(
        Q(person=person)
        | Q(group__in=person.groups.order_by().values("pk"))
        | Q(person=None, group=None),
        active=True,
    )
    return _counting(rows.select_related("person", "group").order_by("pk"))


def applying_to(people: Collection[int]) -> dict[int, tuple[Allowance, ...]]:
    """The same for many people, by their numbers. Two queries."""
    memberships = User.groups.through.objects.filter(user_id__in=people)
    member_of = set(memberships.values_list("user_id", "group_id"))
    rows = list(Allowance.objects.filter(active=True).select_related("group").order_by("pk"))
    return {
        person: _counting(
            row
            for row in rows
            if row.for_everybody or row.person_id == person or (person, row.group_id) in member_of
        )
        for person in people
    }


def at_once_of(people: Collection[int]) -> dict[int, int]:
    """How many generations each may have under way; who has no limit is left out. Two queries.

    For a queue that lets the others wait; `admit` refuses them instead.
    """
    limits = {person: at_once(rows) for person, rows in applying_to(people).items()}
    return {person: limit for person, limit in limits.items() if limit is not None}


def admit(
    allowances: Sequence[Allowance],
    *,
    model_id: str,
    amount: Decimal | None,
    at_most: Decimal | None = None,
    running: int,
) -> Decimal:
    """The credits to reserve, if the rules of all allowances let this generation pass.

    `amount` None means that the price is not known. Where all allowances take that risk, the worst
    case is reserved: `at_most`, or the highest of the amounts that the allowances name for that.
    Raises NoRoom. What is left is not looked at here.
    """
    if not allowances:
        raise NoAllowance
    if not includes(allowances, model_id):
        raise ModelNotAllowed(model_id=model_id)
    needed = _worst(allowances, model_id, at_most) if amount is None else amount
    cap = cap_of(allowances)
    if cap is not None and needed > cap:
        raise OverCap(cap=cap, needed=needed)
    limit = at_once(allowances)
    if limit is not None and running >= limit:
        raise TooManyRunning(limit=limit)
    return needed


def includes(allowances: Iterable[Allowance], model_id: str) -> bool:
    """Whether none of them names other models only."""
    return all(not row.model_ids or model_id in row.model_ids for row in allowances)


def cap_of(allowances: Iterable[Allowance]) -> Decimal | None:
    """What one generation may cost; None without a limit."""
    return _smallest(row.per_generation for row in allowances)


def at_once(allowances: Iterable[Allowance]) -> int | None:
    """How many generations may be under way at once; None without a limit."""
    return _smallest(row.at_once for row in allowances)


def whose(allowance: Allowance) -> tuple[Whose, str]:
    """Who shares it, and the name of the group if it is one."""
    if not allowance.shared:
        return Whose.OWN, ""
    return (Whose.GROUP, allowance.whose) if allowance.group_id else (Whose.STUDIO, "")


def _worst(allowances: Sequence[Allowance], model_id: str, at_most: Decimal | None) -> Decimal:
    amounts = [row.unknown_price for row in allowances]
    known = [amount for amount in amounts if amount is not None]
    if len(known) < len(amounts):
        raise PriceUnknown(model_id=model_id)
    return max(known) if at_most is None else at_most


def _counting(found: Iterable[Allowance]) -> tuple[Allowance, ...]:
    """What everybody is given each steps back for what is more personal."""
    rows = tuple(found)
    personal = any(not row.shared and not row.for_everybody for row in rows)
    return tuple(row for row in rows if row.shared or not (personal and row.for_everybody))


def _smallest(values: Iterable[Number | None]) -> Number | None:
    """The strictest of what is set; None when nothing is."""
    return min((value for value in values if value is not None), default=None)


def in_period(allowances: Sequence[Allowance], now: datetime) -> Q:
    """The purses of the present period of each of these allowances."""
    found = Q(pk__in=[])
    for row in allowances:
        found |= Q(allowance=row, period=row.period, starts=row.starts(now))
    return found
