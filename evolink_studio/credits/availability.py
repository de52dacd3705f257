"""What a person may still spend: for the button, the badge and the page without credits.

`available` is never below 0. More than the limit can be used when EvoLink charges more than was
reserved, or when an allowance is lowered; `overdraft` is by how much.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from django.db.models import Q

from evolink_studio.accounts.models import User
from evolink_studio.core.prepared_query import PreparedObjects, build_id_placeholders
from evolink_studio.credits.allowances import (
    allows_model,
    authorize_amount,
    find_per_generation_limit,
    get_applicable_allowances,
    get_applicable_allowances_by_user,
    get_sharing_scope,
)
from evolink_studio.credits.exceptions import AllowanceExceeded, SpendingDenied
from evolink_studio.credits.fields import ZERO_CREDITS
from evolink_studio.credits.models import Allowance, AllowanceBalance
from evolink_studio.credits.periods import (
    Period,
    build_current_period_filter,
    get_period_end,
    get_period_start,
)
from evolink_studio.credits.queries import list_owner_names

ALERT_THRESHOLDS_PERCENT = (50, 80, 100)


@dataclass(frozen=True)
class AllowanceStatus:
    """An allowance in its current period. All amounts in credits; None means without a limit."""

    allowance: Allowance
    limit: Decimal | None
    reserved: Decimal
    charged: Decimal
    resets_at: datetime | None

    @property
    def used(self) -> Decimal:
        return self.reserved + self.charged

    @property
    def available(self) -> Decimal | None:
        return None if self.limit is None else max(ZERO_CREDITS, self.limit - self.used)

    @property
    def overdraft(self) -> Decimal:
        """How much more than the limit was used."""
        return ZERO_CREDITS if self.limit is None else max(ZERO_CREDITS, self.used - self.limit)

    @property
    def used_percent(self) -> int | None:
        """How much of the limit is used, rounded down."""
        return int(100 * self.used / self.limit) if self.limit else None


@dataclass(frozen=True)
class Availability:
    """What the allowances leave for a generation. In credits; None means without a limit.

    `most_restrictive` is the one of `statuses` with the least left; `available` and `resets_at`
    are its values. `credits_needed` is what the generations in question would reserve together
    (None if refused before that is known), `max_allowed_credits` the most that each may cost.
    `alert_percents` are the thresholds of any allowance that are reached once they are sent.
    """

    statuses: tuple[AllowanceStatus, ...]
    most_restrictive: AllowanceStatus | None
    available: Decimal | None
    max_allowed_credits: Decimal | None
    credits_needed: Decimal | None
    is_allowed: bool
    denial: SpendingDenied | None
    alert_percents: tuple[int, ...]
    resets_at: datetime | None

    def allows_model(self, model_id: str) -> bool:
        """Whether every allowance permits this model."""
        return allows_model([status.allowance for status in self.statuses], model_id)


def check_availability(
    *,
    user: User,
    model_id: str,
    amount: Decimal | None,
    max_credits: Decimal | None = None,
    count: int = 1,
    now: datetime,
    allowances: Sequence[Allowance] | None = None,
) -> Availability:
    """Whether `count` generations of this amount each could be sent now. Two queries, three when
    they could not.

    Reserves nothing: only the ledger does. `allowances`: those that apply, if they were just
    read; one query less.
    """
    statuses = get_allowance_statuses(user, now, allowances)
    strictest = find_most_restrictive(statuses)
    credits_needed, denial = None, None
    allowances = [status.allowance for status in statuses]
    try:
        credits_needed = count * authorize_amount(
            allowances,
            model_id=model_id,
            amount=amount,
            max_credits=max_credits,
        )
        _require_available(strictest, credits_needed)
    except SpendingDenied as error:
        denial = error
        denial.owner_names = list_owner_names()
    pending_credits = credits_needed or ZERO_CREDITS
    available = strictest.available if strictest else None
    share = None if available is None else available / count
    limits = [
        limit for limit in (share, find_per_generation_limit(allowances)) if limit is not None
    ]
    return Availability(
        statuses=statuses,
        most_restrictive=strictest,
        available=available,
        max_allowed_credits=min(limits, default=None),
        credits_needed=credits_needed,
        is_allowed=denial is None,
        denial=denial,
        alert_percents=max(
            (
                find_reached_thresholds(status.limit, status.used + pending_credits)
                for status in statuses
            ),
            default=(),
        ),
        resets_at=strictest.resets_at if strictest else None,
    )


def get_allowance_statuses(
    user: User, now: datetime, allowances: Sequence[Allowance] | None = None
) -> tuple[AllowanceStatus, ...]:
    """The status of every allowance that applies to a person. Two queries, or one if those that
    apply are given."""
    if allowances is None:
        allowances = get_applicable_allowances(user)
    balances = _list_current_balances(user.pk, allowances, now)
    balance_by_allowance = {balance.allowance_id: balance for balance in balances}
    return tuple(
        _build_status(allowance, balance_by_allowance.get(allowance.pk), now)
        for allowance in allowances
    )


# Placeholders of the prepared query. In this moment each period begins on a day of its own.
_USER_ID, _MOMENT = -1, datetime(1900, 1, 17, tzinfo=UTC)


def _list_current_balances(
    user_id: int, allowances: Sequence[Allowance], now: datetime
) -> list[AllowanceBalance]:
    if not allowances:
        return []
    values: dict[object, object] = {
        get_period_start(period, _MOMENT): get_period_start(period, now) for period in Period.values
    }
    placeholders = build_id_placeholders(len(allowances))
    values |= zip(placeholders, (allowance.pk for allowance in allowances), strict=True)
    return _balances_query(len(allowances)).fetch({**values, _USER_ID: user_id})


@lru_cache(maxsize=20)
def _balances_query(allowance_count: int) -> PreparedObjects[AllowanceBalance]:
    own_or_shared = Q(user_id=_USER_ID) | Q(user=None)
    return PreparedObjects(
        AllowanceBalance.objects.filter(
            own_or_shared,
            build_current_period_filter(_MOMENT),
            allowance__in=build_id_placeholders(allowance_count),
        )
    )


def get_allowance_statuses_by_user(
    user_ids: Collection[int], now: datetime
) -> dict[int, tuple[AllowanceStatus, ...]]:
    """The same for many people, by user id. Three queries."""
    allowances_by_user = get_applicable_allowances_by_user(user_ids)
    all_allowances = {
        allowance.pk: allowance
        for allowances in allowances_by_user.values()
        for allowance in allowances
    }
    own_or_shared = Q(user__in=user_ids) | Q(user=None)
    balances = AllowanceBalance.objects.filter(
        own_or_shared, build_current_period_filter(now), allowance__in=all_allowances
    )
    balance_by_key = {(balance.allowance_id, balance.user_id): balance for balance in balances}
    return {
        user_id: tuple(
            _build_status(
                allowance,
                balance_by_key.get((allowance.pk, allowance.balance_user_id(user_id))),
                now,
            )
            for allowance in allowances
        )
        for user_id, allowances in allowances_by_user.items()
    }


def find_most_restrictive(statuses: Iterable[AllowanceStatus]) -> AllowanceStatus | None:
    """The allowance with the least left; None if none has a limit."""
    limited_statuses = (status for status in statuses if status.available is not None)
    return min(limited_statuses, key=lambda status: status.available or ZERO_CREDITS, default=None)


def find_reached_thresholds(limit: Decimal | None, used: Decimal) -> tuple[int, ...]:
    """The thresholds, in percent, that `used` reaches."""
    if limit is None or not used:
        return ()
    return tuple(percent for percent in ALERT_THRESHOLDS_PERCENT if used * 100 >= limit * percent)


def _build_status(
    allowance: Allowance, balance: AllowanceBalance | None, now: datetime
) -> AllowanceStatus:
    charged = balance.credits_charged if balance else ZERO_CREDITS
    return AllowanceStatus(
        allowance=allowance,
        limit=allowance.credits_limit,
        reserved=balance.credits_reserved if balance else ZERO_CREDITS,
        charged=charged + allowance.get_used_before(now),
        resets_at=get_period_end(allowance.period, allowance.current_period_start(now)),
    )


def _require_available(status: AllowanceStatus | None, credits_needed: Decimal) -> None:
    if status is None or status.available is None:
        return
    if credits_needed > status.available or status.overdraft:
        scope, group_name = get_sharing_scope(status.allowance)
        raise AllowanceExceeded(
            available=status.available,
            credits_needed=credits_needed,
            resets_at=status.resets_at,
            scope=scope,
            group_name=group_name,
        )
