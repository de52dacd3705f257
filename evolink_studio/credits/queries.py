"""Reads of prices, accounts, owners and the ledger."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

from django.db.models import ExpressionWrapper, F, Q, QuerySet

from evolink_studio.accounts.models import User
from evolink_studio.core.prepared_query import PreparedObjects
from evolink_studio.credits.fields import ZERO_CREDITS, CreditsField
from evolink_studio.credits.models import (
    AllowanceBalance,
    BalanceReading,
    LedgerEntry,
    ProviderAccount,
    RateCard,
    Reservation,
)
from evolink_studio.credits.periods import build_current_period_filter

MAX_OWNER_NAMES = 3
# Placeholders of the prepared queries: every press and every page asks these.
_MODEL_ID, _PROVIDER_KEY, _MOMENT = "?model", "?provider", datetime(2000, 1, 1, tzinfo=UTC)


def get_current_rate_card(*, model_id: str, now: datetime) -> RateCard | None:
    """The newest rate card of a model in effect; None without one. One query."""
    rate_cards = _rate_card_query().fetch({_MODEL_ID: model_id, _MOMENT: now})
    return rate_cards[0] if rate_cards else None


@cache
def _rate_card_query() -> PreparedObjects[RateCard]:
    rate_cards = RateCard.objects.filter(model_id=_MODEL_ID, effective_at__lte=_MOMENT)
    return PreparedObjects(rate_cards.order_by("-effective_at")[:1])


def get_current_rate_cards(*, now: datetime) -> dict[str, RateCard]:
    """The rate card in effect of every priced model, by model id. One query."""
    rate_cards = _rate_cards_query().fetch({_MOMENT: now})
    return {rate_card.model_id: rate_card for rate_card in rate_cards}


@cache
def _rate_cards_query() -> PreparedObjects[RateCard]:
    rate_cards = RateCard.objects.filter(effective_at__lte=_MOMENT)
    return PreparedObjects(rate_cards.order_by("effective_at"))


def get_provider_account(*, provider_key: str) -> ProviderAccount:
    """The account as last read; an unsaved empty one before the first read. One query."""
    accounts = _account_query().fetch({_PROVIDER_KEY: provider_key})
    return accounts[0] if accounts else ProviderAccount(provider_key=provider_key)


@cache
def _account_query() -> PreparedObjects[ProviderAccount]:
    return PreparedObjects(ProviderAccount.objects.filter(provider_key=_PROVIDER_KEY))


def measure_use_since(*, provider_key: str, moment: datetime) -> tuple[datetime, Decimal] | None:
    """When the account was last read before a moment, and what EvoLink has taken since then.

    Taken is the rise of what was ever used, or the fall of what is left, whichever is more: a
    top-up hides the second. None without a reading before it. Two queries.
    """
    readings = BalanceReading.objects.filter(provider_key=provider_key).order_by("-read_at")
    newest, baseline = readings.first(), readings.filter(read_at__lt=moment).first()
    if newest is None or baseline is None:
        return None
    figures = [baseline.credits_available - newest.credits_available]
    if newest.credits_used is not None and baseline.credits_used is not None:
        figures.append(newest.credits_used - baseline.credits_used)
    return baseline.read_at, max(figures)


def list_owner_names() -> tuple[str, ...]:
    """Names of up to three people who can raise an allowance, oldest account first. One query."""
    owners = _owners_query().fetch({})
    return tuple(owner.get_full_name() or owner.username for owner in owners)


@cache
def _owners_query() -> PreparedObjects[User]:
    owners = User.objects.filter(is_superuser=True, is_active=True).order_by("pk")
    return PreparedObjects(owners.only("username", "first_name", "last_name")[:MAX_OWNER_NAMES])


@dataclass(frozen=True)
class LedgerAmounts:
    """Credits of one generation by the ledger; `first_reserved`: what its press reserved."""

    reserved: Decimal
    charged: Decimal
    first_reserved: Decimal


def get_ledger_amounts(generation_id: int) -> LedgerAmounts | None:
    """What is reserved for a generation and what was charged; None without entries. Two queries.

    Every allowance that applies has the same, so one of them is read.
    """
    reservation = Reservation.objects.filter(generation_id=generation_id).order_by("pk").first()
    if reservation is None:
        return None
    is_open = reservation.state == Reservation.State.RESERVED
    first_entries = LedgerEntry.objects.filter(
        generation_id=generation_id,
        balance_id=reservation.balance_id,
        kind=LedgerEntry.Kind.RESERVE,
    )
    return LedgerAmounts(
        reserved=reservation.credits if is_open else ZERO_CREDITS,
        charged=ZERO_CREDITS if is_open else reservation.credits,
        first_reserved=first_entries.values_list("credits_reserved_delta", flat=True).first()
        or ZERO_CREDITS,
    )


def list_overdrawn_balances(*, now: datetime) -> QuerySet[AllowanceBalance]:
    """Balances used beyond their limit, newest first.

    EvoLink charged more than was reserved, or the allowance was lowered.
    """
    credits_used = ExpressionWrapper(
        F("credits_reserved") + F("credits_charged"), output_field=CreditsField()
    )
    is_current = build_current_period_filter(now)
    is_overdrawn = (is_current & Q(used__gt=F("allowance__credits_limit"))) | (
        ~is_current & Q(used__gt=F("credits_limit"))
    )
    # What a person set for themselves is no matter of the studio's money.
    given_balances = AllowanceBalance.objects.filter(allowance__is_own_limit=False)
    balances = given_balances.alias(used=credits_used).filter(is_overdrawn)
    return balances.select_related("user", "allowance__group").order_by("-period_start", "pk")
