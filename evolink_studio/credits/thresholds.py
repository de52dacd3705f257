"""Telling once that an allowance is half used, nearly used, used up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from evolink_studio.credits.models import Allowance, Purse
from evolink_studio.credits.refusals import amount_text
from evolink_studio.credits.room import in_period, reached


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
