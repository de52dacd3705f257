"""Reads about money."""

from datetime import datetime
from decimal import Decimal

from django.db.models import ExpressionWrapper, F, Q, QuerySet

from evolink_studio.accounts.models import User
from evolink_studio.credits.allowances import in_present_period
from evolink_studio.credits.fields import CreditsField
from evolink_studio.credits.models import FarAccount, Hold, Purse, RateCard

MOST_NAMES = 3


def current_card(*, model_id: str, now: datetime) -> RateCard | None:
    """The newest rate card of a model that has begun."""
    cards = RateCard.objects.filter(model_id=model_id, effective__lte=now)
    return cards.order_by("-effective").first()


def current_cards(*, now: datetime) -> dict[str, RateCard]:
    """The rate card of every priced model, by model id, in one query."""
    cards = RateCard.objects.filter(effective__lte=now).order_by("effective")
    return {card.model_id: card for card in cards}


def far_account(*, far_end: str) -> FarAccount:
    """The account as last read; an unsaved empty one before the first read."""
    return FarAccount.objects.filter(far_end=far_end).first() or FarAccount(far_end=far_end)


def owner_names() -> tuple[str, ...]:
    """The people who can raise an allowance, those who were there first first. One query."""
    owners = User.objects.filter(is_superuser=True, is_active=True).order_by("pk")
    return tuple(owner.get_full_name() or owner.username for owner in owners[:MOST_NAMES])


def booked(generation_id: int) -> Decimal | None:
    """Credits that are held for a generation or were charged for it, as the book says.

    None when it does not stand in the book. One query.
    """
    return Hold.objects.filter(generation=generation_id).values_list("amount", flat=True).first()


def overdrawn(*, now: datetime) -> QuerySet[Purse]:
    """Purses that are used beyond their limit, the newest first.

    EvoLink took more than it was asked to reserve, or the allowance was lowered.
    """
    used = ExpressionWrapper(F("reserved") + F("charged"), output_field=CreditsField())
    present = in_present_period(now)
    over = (present & Q(taken__gt=F("allowance__amount"))) | (~present & Q(taken__gt=F("limit")))
    rows = Purse.objects.alias(taken=used).filter(over)
    return rows.select_related("person", "allowance__group").order_by("-starts", "pk")
