"""Taking credits out of a purse and putting them back: the writes that must never race.

A transaction touches at most one purse of each allowance, always in the order of the allowances:
two of them may wait for each other, but never in a circle.
"""

from datetime import datetime
from decimal import Decimal

from django.db.models import ExpressionWrapper, F, Q, QuerySet

from evolink_studio.credits.fields import CreditsField, amount_of
from evolink_studio.credits.models import Allowance, Purse
from evolink_studio.credits.periods import Period, start


class Full(Exception):
    """`purse` has less left than was asked for; nothing was taken."""

    def __init__(self, purse: Purse) -> None:
        super().__init__()
        self.purse = purse


def take(allowance: Allowance, person_id: int, amount: Decimal, now: datetime) -> Purse:
    """Reserve in the present purse of an allowance, and return the purse as it stands then.

    One UPDATE looks and takes. Its conditions are on its own row only, so that both databases
    look again when another transaction has changed the row meanwhile. Raises Full.
    """
    rows = present(allowance, person_id, now)
    reserve = {"reserved": F("reserved") + amount_of(amount), "limit": allowance.amount}
    roomy = _with_room(rows, allowance.amount, amount)
    if not roomy.update(**reserve):
        create(allowance, person_id, now)
        if not roomy.update(**reserve):
            raise Full(rows.get())
    return rows.get()


def put(purse_id: int, *, reserved: Decimal, charged: Decimal) -> Purse:
    """Change a purse by these amounts, whatever its limit, and return it as it stands then."""
    rows = Purse.objects.filter(pk=purse_id)
    rows.update(
        reserved=F("reserved") + amount_of(reserved), charged=F("charged") + amount_of(charged)
    )
    return rows.get()


def present(allowance: Allowance, person_id: int, now: datetime) -> QuerySet[Purse]:
    """The purse of this period as a query; it may not exist yet."""
    return Purse.objects.filter(**_key(allowance, person_id, now))


def create(allowance: Allowance, person_id: int, now: datetime) -> None:
    """Make the present purse unless there is one; waits for another transaction that makes it."""
    purse = Purse(**_key(allowance, person_id, now), limit=allowance.amount)
    Purse.objects.bulk_create([purse], ignore_conflicts=True)


def in_present_period(now: datetime, prefix: str = "", allowance: str = "allowance__") -> Q:
    """The purses of the period in which their allowance is now.

    `prefix` leads to the purse, `allowance` from where the query stands to the allowance.
    """
    found = Q()
    for period in Period.values:
        began = {f"{prefix}period": period, f"{prefix}starts": start(period, now)}
        found |= Q(**{f"{allowance}period": period}, **began)
    return found


def _key(allowance: Allowance, person_id: int, now: datetime) -> dict[str, object]:
    return {
        "allowance_id": allowance.pk,
        "person_id": allowance.purse_of(person_id),
        "period": allowance.period,
        "starts": allowance.starts(now),
    }


def _with_room(rows: QuerySet[Purse], limit: Decimal | None, amount: Decimal) -> QuerySet[Purse]:
    if limit is None:
        return rows
    used = F("reserved") + F("charged") + amount_of(amount)
    after = ExpressionWrapper(used, output_field=CreditsField())
    return rows.alias(after=after).filter(after__lte=limit)
