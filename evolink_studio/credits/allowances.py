"""Which allowances apply to a person, and whether they permit one generation."""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from functools import cache, lru_cache
from typing import TypeVar

from django.db.models import Q

from evolink_studio.accounts.models import User
from evolink_studio.core.prepared_query import (
    PreparedObjects,
    PreparedQuery,
    build_id_placeholders,
)
from evolink_studio.credits.exceptions import (
    GenerationLimitExceeded,
    ModelNotAllowed,
    NoAllowance,
    PriceUnknown,
    SharingScope,
)
from evolink_studio.credits.models import Allowance
from evolink_studio.credits.periods import Period

Number = TypeVar("Number", int, Decimal)


def get_applicable_allowances(user: User) -> tuple[Allowance, ...]:
    """Every allowance that must have credits left, in the order in which balances are locked.

    One that gives everybody an amount each applies only where the person or a group of theirs
    has none of that kind. One query.
    """
    return _effective_allowances(_applicable_query().fetch({_USER_ID: user.pk}))


def get_applicable_allowances_by_user(
    user_ids: Collection[int],
) -> dict[int, tuple[Allowance, ...]]:
    """The same for many people, by user id. Two queries."""
    return _select_by_user(user_ids, _active_query().fetch({}))


def _select_by_user(
    user_ids: Collection[int], allowances: Sequence[Allowance]
) -> dict[int, tuple[Allowance, ...]]:
    """Of all active allowances those that apply to each user. One query."""
    if not user_ids:
        return {}
    placeholders = build_id_placeholders(len(user_ids))
    values = dict(zip(placeholders, user_ids, strict=True))
    member_pairs = set(_memberships_query(len(user_ids)).fetch(values))
    return {
        user_id: _effective_allowances(
            allowance
            for allowance in allowances
            if allowance.is_for_everybody
            or allowance.user_id == user_id
            or (user_id, allowance.group_id) in member_pairs
        )
        for user_id in user_ids
    }


def get_concurrency_limits_by_user(user_ids: Collection[int]) -> dict[int, int]:
    """How many generations each user may have under way; users without a limit are left out.

    For the queue, in which the others wait: nothing is refused for it. One query without such
    limits, else two.
    """
    active_allowances = _active_query().fetch({})
    if find_concurrency_limit(active_allowances) is None:
        return {}
    limits = {
        user_id: find_concurrency_limit(allowances)
        for user_id, allowances in _select_by_user(user_ids, active_allowances).items()
    }
    return {user_id: limit for user_id, limit in limits.items() if limit is not None}


def authorize_amount(
    allowances: Sequence[Allowance],
    *,
    model_id: str,
    amount: Decimal | None,
    max_credits: Decimal | None = None,
) -> Decimal:
    """The credits to reserve, if the rules of all allowances permit this generation.

    `amount` None means that the price is not known. If all allowances permit that, the worst case
    is reserved: `max_credits`, else the highest `unknown_price_credits` of the allowances.
    Raises SpendingDenied. Does not check whether enough credits are left.
    """
    if not allowances:
        raise NoAllowance
    if not allows_model(allowances, model_id):
        raise ModelNotAllowed(model_id=model_id)
    credits_needed = (
        _unknown_price_amount(allowances, model_id, max_credits) if amount is None else amount
    )
    credits_limit = find_per_generation_limit(allowances)
    if credits_limit is not None and credits_needed > credits_limit:
        raise GenerationLimitExceeded(limit=credits_limit, credits_needed=credits_needed)
    return credits_needed


def allows_model(allowances: Iterable[Allowance], model_id: str) -> bool:
    """Whether every allowance permits this model."""
    return all(
        not allowance.model_ids or model_id in allowance.model_ids for allowance in allowances
    )


def find_per_generation_limit(allowances: Iterable[Allowance]) -> Decimal | None:
    """The credits that one generation may cost; None without a limit."""
    return _strictest_limit(allowance.max_credits_per_generation for allowance in allowances)


def find_own_limit(allowances: Iterable[Allowance]) -> Decimal | None:
    """The credits that the person set as their own limit; None without one."""
    own_limits = (row.credits_limit for row in allowances if row.is_own_limit)
    return _strictest_limit(own_limits)


def find_granted_month_limit(allowances: Iterable[Allowance]) -> Decimal | None:
    """The credits a month that a person was given, alone or with others; None without a limit."""
    return _strictest_limit(
        row.credits_limit
        for row in allowances
        if row.period == Period.MONTH and not row.is_own_limit
    )


def find_concurrency_limit(allowances: Iterable[Allowance]) -> int | None:
    """How many generations may be under way at once; None without a limit."""
    return _strictest_limit(allowance.max_concurrent for allowance in allowances)


def get_sharing_scope(allowance: Allowance) -> tuple[SharingScope, str]:
    """Who shares it, and the name of the group if it is one."""
    if allowance.is_own_limit:
        return SharingScope.SELF, ""
    if not allowance.is_shared:
        return SharingScope.OWN, ""
    return (
        (SharingScope.GROUP, allowance.holder_name)
        if allowance.group_id
        else (SharingScope.STUDIO, "")
    )


_USER_ID = -1  # a placeholder


@cache
def _applicable_query() -> PreparedObjects[Allowance]:
    memberships = User.groups.through.objects.filter(user_id=_USER_ID)
    is_of_group = Q(group__in=memberships.values("group_id"))
    allowances = Allowance.objects.filter(
        Q(user_id=_USER_ID) | is_of_group | Q(user=None, group=None), is_active=True
    )
    return PreparedObjects(allowances.select_related("group").order_by("pk"))


@cache
def _active_query() -> PreparedObjects[Allowance]:
    allowances = Allowance.objects.filter(is_active=True)
    return PreparedObjects(allowances.select_related("group").order_by("pk"))


@lru_cache(maxsize=100)
def _memberships_query(user_count: int) -> PreparedQuery:
    memberships = User.groups.through.objects.filter(user_id__in=build_id_placeholders(user_count))
    return PreparedQuery(memberships.values_list("user_id", "group_id"))


def _unknown_price_amount(
    allowances: Sequence[Allowance], model_id: str, max_credits: Decimal | None
) -> Decimal:
    amounts = [row.unknown_price_credits for row in allowances if not row.is_own_limit]
    known_amounts = [amount for amount in amounts if amount is not None]
    if len(known_amounts) < len(amounts):
        raise PriceUnknown(model_id=model_id)
    return max(known_amounts) if max_credits is None else max_credits


def _effective_allowances(candidates: Iterable[Allowance]) -> tuple[Allowance, ...]:
    """Without the ones that give everybody an amount each, if a more personal one applies.

    None at all where there is only the limit that the person set.
    """
    allowances = tuple(candidates)
    granted = [allowance for allowance in allowances if not allowance.is_own_limit]
    if not granted:
        return ()
    has_personal = any(
        not allowance.is_shared and not allowance.is_for_everybody for allowance in granted
    )
    return tuple(
        allowance
        for allowance in allowances
        if allowance.is_shared or not (has_personal and allowance.is_for_everybody)
    )


def _strictest_limit(values: Iterable[Number | None]) -> Number | None:
    """The lowest limit that is set; None without any."""
    return min((value for value in values if value is not None), default=None)
