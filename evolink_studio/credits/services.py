"""All writes to the provider account and to allowances; `ledger` writes entries."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from evolink_studio.accounts.models import User
from evolink_studio.core.formatting import format_credits
from evolink_studio.credits.allowances import find_granted_month_limit, get_applicable_allowances
from evolink_studio.credits.availability import find_reached_thresholds
from evolink_studio.credits.fields import ZERO_CREDITS, to_credits
from evolink_studio.credits.models import (
    Allowance,
    AllowanceBalance,
    BalanceError,
    BalanceReading,
    ProviderAccount,
)
from evolink_studio.credits.periods import Period, build_current_period_filter

BALANCE_READING_RETENTION = timedelta(days=7)


@transaction.atomic  # every minute: one commit, and one wait for the disk
def record_balance(
    *,
    provider_key: str,
    credits_available: Decimal,
    credits_used: Decimal | None = None,
    now: datetime,
) -> None:
    """Store the balance that EvoLink returned; it also accepted the key.

    Its readings are kept for BALANCE_READING_RETENTION. `credits_used`: ever, as far as it is said.
    """
    readings = BalanceReading.objects.filter(provider_key=provider_key)
    readings.filter(read_at__lt=now - BALANCE_READING_RETENTION).delete()
    BalanceReading.objects.create(
        provider_key=provider_key,
        read_at=now,
        credits_available=to_credits(credits_available) or Decimal(0),
        credits_used=to_credits(credits_used),
    )
    ProviderAccount.objects.update_or_create(
        provider_key=provider_key,
        defaults={
            "credits_available": to_credits(credits_available),
            "key_state": ProviderAccount.KeyState.ACCEPTED,
            "read_at": now,
            "tried_at": now,
            "last_error": "",
        },
    )


def record_key_rejected(*, provider_key: str, now: datetime) -> None:
    """Store that EvoLink rejects the key: nothing is sent until it accepts the key again."""
    ProviderAccount.objects.update_or_create(
        provider_key=provider_key,
        defaults={
            "key_state": ProviderAccount.KeyState.REJECTED,
            "tried_at": now,
            "last_error": BalanceError.KEY_REJECTED,
        },
    )


def record_unreachable(*, provider_key: str, error: BalanceError, now: datetime) -> None:
    """Store why the balance could not be read; the last one stays, with the time it was read."""
    ProviderAccount.objects.update_or_create(
        provider_key=provider_key, defaults={"tried_at": now, "last_error": error}
    )


def raise_allowances(*, queryset: QuerySet[Allowance], credits_added: Decimal) -> list[Allowance]:
    """Add credits to each chosen allowance that has a limit, and return those.

    It takes effect at once: the limit is always read from the allowance. What people set for
    themselves is theirs to change.
    """
    with transaction.atomic():
        selected_allowances = Allowance.objects.filter(pk__in=queryset.order_by().values("pk"))
        limited_allowances = selected_allowances.exclude(credits_limit=None)
        limited_allowances = limited_allowances.exclude(is_own_limit=True)
        allowances = list(limited_allowances.select_for_update().order_by("pk"))
        for allowance in allowances:
            allowance.credits_limit = (allowance.credits_limit or Decimal(0)) + credits_added
            allowance.save(update_fields=["credits_limit"])
    return allowances


class OwnLimitTooHigh(Exception):
    """A limit of one's own would be above what the person may spend: `granted` credits a month."""

    def __init__(self, granted: Decimal) -> None:
        super().__init__(granted)
        self.granted = granted


def set_own_limit(
    *, user: User, credits_limit: Decimal | None, used_this_month: Decimal, now: datetime
) -> None:
    """Let a person spend less each month than they may; None takes the limit away.

    It takes effect at once and counts the whole month: `used_this_month` is what they reserved and
    were charged in it until now. Raises OwnLimitTooHigh above the lowest monthly amount that they
    were given.
    """
    own_limits = Allowance.objects.filter(user=user, is_own_limit=True)
    with transaction.atomic():
        if credits_limit is None:
            own_limits.update(is_active=False)
            return
        granted = find_granted_month_limit(get_applicable_allowances(user))
        if granted is not None and credits_limit > granted:
            raise OwnLimitTooHigh(granted)
        allowance, _is_new = Allowance.objects.get_or_create(
            user=user, is_own_limit=True, period=Period.MONTH
        )
        balance = AllowanceBalance.objects.filter(
            build_current_period_filter(now), allowance=allowance
        ).first()
        counted = balance.credits_used if balance else ZERO_CREDITS
        allowance.credits_limit = to_credits(credits_limit)
        allowance.used_before = max(ZERO_CREDITS, used_this_month - counted)
        allowance.used_before_month = allowance.current_period_start(now)
        allowance.is_active = True
        allowance.save()


@dataclass(frozen=True)
class ThresholdAlert:
    """A balance that reached a threshold (percent) since the last check."""

    balance: AllowanceBalance
    percent: int

    @property
    def text(self) -> str:
        """For a mail to the admins, in the language that is active."""
        return _("{who}: {percent} % of {limit} credits are used ({period}).").format(
            who=self.balance.user or self.balance.allowance.holder_name,
            percent=self.percent,
            limit=format_credits(self.balance.allowance.credits_limit or Decimal(0)),
            period=self.balance.get_period_display(),
        )


def claim_threshold_alerts(*, now: datetime) -> list[ThresholdAlert]:
    """The alerts to send now, marked as sent: of concurrent callers only one gets each.

    When an allowance is raised, its balances fall below thresholds and may reach them again.
    """
    return [
        ThresholdAlert(balance, percent)
        for balance, percent in _changed_thresholds(now)
        if _record_alert(balance, percent) and percent > balance.alerted_percent
    ]


def _changed_thresholds(now: datetime) -> list[tuple[AllowanceBalance, int]]:
    balances = AllowanceBalance.objects.filter(
        build_current_period_filter(now),
        allowance__is_active=True,
        allowance__is_own_limit=False,
        allowance__credits_limit__gt=0,
    ).order_by("pk")
    balance_percents = [
        (
            balance,
            max(
                find_reached_thresholds(balance.allowance.credits_limit, balance.credits_used),
                default=0,
            ),
        )
        for balance in balances.select_related("allowance__user", "allowance__group", "user")
    ]
    return [
        (balance, percent)
        for balance, percent in balance_percents
        if percent != balance.alerted_percent
    ]


def _record_alert(balance: AllowanceBalance, percent: int) -> bool:
    unchanged_balance = AllowanceBalance.objects.filter(
        pk=balance.pk, alerted_percent=balance.alerted_percent
    )
    return unchanged_balance.update(alerted_percent=percent) == 1
