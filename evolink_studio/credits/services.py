"""Every write about money."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet

from evolink_studio.credits.amounts import kept
from evolink_studio.credits.models import Allowance, FarAccount


def record_balance(*, far_end: str, spendable: Decimal, now: datetime) -> None:
    """EvoLink told us what is left, so it also accepted the key."""
    FarAccount.objects.update_or_create(
        far_end=far_end,
        defaults={
            "spendable": kept(spendable),
            "key_state": FarAccount.KeyState.ACCEPTED,
            "read": now,
            "tried": now,
            "problem": "",
        },
    )


def record_key_refused(*, far_end: str, now: datetime) -> None:
    """EvoLink does not accept the key: nothing more is sent until it does again."""
    FarAccount.objects.update_or_create(
        far_end=far_end,
        defaults={
            "key_state": FarAccount.KeyState.REFUSED,
            "tried": now,
            "problem": "key refused",
        },
    )


def record_unreachable(*, far_end: str, problem: str, now: datetime) -> None:
    """EvoLink did not answer; the last known balance stays, with its age."""
    FarAccount.objects.update_or_create(
        far_end=far_end, defaults={"tried": now, "problem": problem[:200]}
    )


def raise_allowances(*, chosen: QuerySet[Allowance], by: Decimal) -> list[Allowance]:
    """Add credits to each chosen allowance that has a limit, and return those.

    It counts at once: what may be spent is always read from the allowance.
    """
    with transaction.atomic():
        limited = Allowance.objects.filter(pk__in=chosen.order_by().values("pk"))
        rows = list(limited.exclude(amount=None).select_for_update().order_by("pk"))
        for row in rows:
            row.amount = (row.amount or Decimal(0)) + by
            row.save(update_fields=["amount"])
    return rows
