"""Every write about money."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from evolink_studio.core.formatting import amount_text
from evolink_studio.credits.allowances import in_period
from evolink_studio.credits.availability import reached
from evolink_studio.credits.fields import kept
from evolink_studio.credits.models import Allowance, FarAccount, Purse


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


@dataclass(frozen=True)
class Reached:
    """A purse that reached a threshold (percent) since it was last looked at."""

    purse: Purse
    percent: int

    @property
    def sentence(self) -> str:
        """For a mail to the admins, in the language that is active."""
        return _("{who}: {percent} % of {limit} credits are used ({period}).").format(
            who=self.purse.person or self.purse.allowance.whose,
            percent=self.percent,
            limit=amount_text(self.purse.allowance.amount or Decimal(0)),
            period=self.purse.get_period_display(),
        )


def take_reached(*, now: datetime) -> list[Reached]:
    """What has to be told now. It counts as told from here on, whoever asks at the same time.

    When an allowance is raised, its purses fall below thresholds and may reach them again.
    """
    allowances = list(Allowance.objects.filter(active=True, amount__gt=0))
    return [
        Reached(purse, percent)
        for purse, percent in _changed(allowances, now)
        if _mark(purse, percent) and percent > purse.warned
    ]


def _changed(allowances: Sequence[Allowance], now: datetime) -> list[tuple[Purse, int]]:
    purses = Purse.objects.filter(in_period(allowances, now)).order_by("pk")
    found = [
        (purse, max(reached(purse.allowance.amount, purse.used), default=0))
        for purse in purses.select_related("allowance__person", "allowance__group", "person")
    ]
    return [(purse, percent) for purse, percent in found if percent != purse.warned]


def _mark(purse: Purse, percent: int) -> bool:
    same = Purse.objects.filter(pk=purse.pk, warned=purse.warned)
    return same.update(warned=percent) == 1
