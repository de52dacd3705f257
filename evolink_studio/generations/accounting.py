"""The book of credits follows every move of a generation, in the same transaction."""

from collections.abc import Iterable
from decimal import Decimal

from django.urls import reverse

from evolink_studio.credits.price_accuracy import Sample
from evolink_studio.generations.models import OPEN, Charge, Generation
from evolink_studio.generations.states import ENDED, State


def samples(model_id: str | None, limit: int) -> Iterable[Sample]:
    """The newest generations that EvoLink named a figure for, as examples for prices."""
    rows = Generation.objects.exclude(reserved=None).order_by("-created", "-id")
    if model_id is not None:
        rows = rows.filter(model_id=model_id)
    return [
        Sample(
            generation=row.pk,
            model_id=row.model_id,
            params=row.params,
            created=row.created,
            estimated=row.estimated,
            reserved=row.reserved,
            charged=row.used if row.charge == Charge.CHARGED else None,
        )
        for row in rows.defer("last_reply", "result_urls")[:limit]
    ]


def truth() -> Iterable[tuple[int, Decimal | None]]:
    """What the entries of every generation must sum to; None while its credits are held."""
    rows = Generation.objects.values_list("pk", "state", "charge", "used")
    for pk, state, charge, used in rows.iterator():
        yield pk, _final(State(state), charge, used)


def _final(state: State, charge: str, used: Decimal | None) -> Decimal | None:
    if charge == Charge.CHARGED:
        return used
    return Decimal(0) if state in ENDED and charge not in OPEN else None


def page_of(generation_id: int) -> str:
    """The address of its page in the admin pages."""
    return reverse("admin:generations_generation_change", args=[generation_id])
