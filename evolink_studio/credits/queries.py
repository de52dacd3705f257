"""Reads of prices, accounts, owners and the ledger."""

from datetime import datetime
from decimal import Decimal

from django.db.models import ExpressionWrapper, F, Q, QuerySet

from evolink_studio.accounts.models import User
from evolink_studio.credits.fields import CreditsField
from evolink_studio.credits.models import AllowanceBalance, ProviderAccount, RateCard, Reservation
from evolink_studio.credits.periods import build_current_period_filter

MAX_OWNER_NAMES = 3


def get_current_rate_card(*, model_id: str, now: datetime) -> RateCard | None:
    """The newest rate card of a model in effect; None without one. One query."""
    rate_cards = RateCard.objects.filter(model_id=model_id, effective_at__lte=now)
    return rate_cards.order_by("-effective_at").first()


def get_current_rate_cards(*, now: datetime) -> dict[str, RateCard]:
    """The rate card in effect of every priced model, by model id. One query."""
    rate_cards = RateCard.objects.filter(effective_at__lte=now).order_by("effective_at")
    return {rate_card.model_id: rate_card for rate_card in rate_cards}


def get_provider_account(*, provider_key: str) -> ProviderAccount:
    """The account as last read; an unsaved empty one before the first read. One query."""
    return ProviderAccount.objects.filter(provider_key=provider_key).first() or ProviderAccount(
        provider_key=provider_key
    )


def list_owner_names() -> tuple[str, ...]:
    """Names of up to three people who can raise an allowance, oldest account first. One query."""
    owners = User.objects.filter(is_superuser=True, is_active=True).order_by("pk")
    return tuple(owner.get_full_name() or owner.username for owner in owners[:MAX_OWNER_NAMES])


def get_ledger_amount(generation_id: int) -> Decimal | None:
    """Credits reserved for a generation or charged for it, by the ledger.

    None when it is not in the ledger. One query.
    """
    return (
        Reservation.objects.filter(generation_id=generation_id)
        .values_list("credits", flat=True)
        .first()
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
    balances = AllowanceBalance.objects.alias(used=credits_used).filter(is_overdrawn)
    return balances.select_related("user", "allowance__group").order_by("-period_start", "pk")
