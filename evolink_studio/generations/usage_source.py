"""What `credits` reads of generations: usage samples for prices, charges for the audit."""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

from evolink_studio.credits.usage_source import UsageSample
from evolink_studio.generations.models import OPEN_CHARGES, Charge, Generation
from evolink_studio.generations.states import ENDED_STATES, State


def list_usage_samples(model_id: str | None, limit: int) -> Iterable[UsageSample]:
    """The newest generations with reserved credits, to check prices against. One query."""
    rows = Generation.objects.exclude(credits_reserved=None).order_by("-created_at", "-id")
    if model_id is not None:
        rows = rows.filter(model_id=model_id)
    return [
        UsageSample(
            generation_id=row.pk,
            model_id=row.model_id,
            params=_list_settings(row.params),
            created_at=row.created_at,
            estimated=row.credits_estimated,
            reserved=row.credits_reserved,
            charged=row.credits_charged if row.charge == Charge.CHARGED else None,
        )
        for row in rows.defer("last_reply", "result_urls")[:limit]
    ]


def _list_settings(params: object) -> dict[str, object]:
    """The plain values among stored parameters: texts, numbers and switches."""
    items = params.items() if isinstance(params, Mapping) else ()
    return {name: value for name, value in items if isinstance(value, str | int | float)}


def list_expected_charges() -> Iterable[tuple[int, Decimal | None]]:
    """Per generation: what its ledger entries must sum to; None while credits are reserved."""
    rows = Generation.objects.values_list("pk", "state", "charge", "credits_charged")
    for pk, state, charge, credits_charged in rows.iterator():
        yield pk, _expected_charge(State(state), charge, credits_charged)


def _expected_charge(state: State, charge: str, credits_charged: Decimal | None) -> Decimal | None:
    if charge == Charge.CHARGED:
        return credits_charged
    return Decimal(0) if state in ENDED_STATES and charge not in OPEN_CHARGES else None


class GenerationUsage:
    """The `UsageSource` of this studio, registered when the app is ready."""

    def list_recent_samples(self, model_id: str | None, limit: int) -> Iterable[UsageSample]:
        return list_usage_samples(model_id, limit)

    def list_expected_charges(self) -> Iterable[tuple[int, Decimal | None]]:
        return list_expected_charges()

    def list_held_credits(self) -> Iterable[tuple[int, Decimal]]:
        rows = Generation.objects.filter(credits_held__isnull=False)
        for pk, credits_held in rows.values_list("pk", "credits_held").iterator():
            yield pk, credits_held or Decimal(0)

    def get_usernames(self, generation_ids: Collection[int]) -> Mapping[int, str]:
        rows = Generation.objects.filter(pk__in=generation_ids)
        return dict(rows.values_list("pk", "owner__username"))

    def get_admin_url(self, generation_id: int) -> str:
        return Generation(pk=generation_id).get_admin_url()
