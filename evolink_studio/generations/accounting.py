"""The book of credits follows every move of a generation, in the same transaction."""

from collections.abc import Iterable
from decimal import Decimal

from django.urls import reverse

from evolink_studio.credits.price_accuracy import UsageSample
from evolink_studio.generations.models import OPEN_CHARGES, Charge, Generation
from evolink_studio.generations.states import ENDED_STATES, State


def usage_samples(model_id: str | None, limit: int) -> Iterable[UsageSample]:
    """The newest generations that EvoLink named a figure for, as examples for prices."""
    rows = Generation.objects.exclude(credits_reserved=None).order_by("-created_at", "-id")
    if model_id is not None:
        rows = rows.filter(model_id=model_id)
    return [
        UsageSample(
            generation_id=row.pk,
            model_id=row.model_id,
            params=row.params,
            created_at=row.created_at,
            estimated=row.credits_estimated,
            reserved=row.credits_reserved,
            charged=row.credits_charged if row.charge == Charge.CHARGED else None,
        )
        for row in rows.defer("last_reply", "result_urls")[:limit]
    ]


def expected_charges() -> Iterable[tuple[int, Decimal | None]]:
    """What the entries of every generation must sum to; None while its credits are held."""
    rows = Generation.objects.values_list("pk", "state", "charge", "credits_charged")
    for pk, state, charge, credits_charged in rows.iterator():
        yield pk, _expected_charge(State(state), charge, credits_charged)


def _expected_charge(state: State, charge: str, credits_charged: Decimal | None) -> Decimal | None:
    if charge == Charge.CHARGED:
        return credits_charged
    return Decimal(0) if state in ENDED_STATES and charge not in OPEN_CHARGES else None


def get_admin_url(generation_id: int) -> str:
    """The address of its page in the admin pages."""
    return reverse("admin:generations_generation_change", args=[generation_id])
