"""What `credits` reads of generations: usage samples for prices, charges for the audit."""

from collections.abc import Collection, Iterable, Mapping

from evolink_studio.catalog import CUT_MODEL_ID
from evolink_studio.credits.fields import as_units
from evolink_studio.credits.usage_source import GenerationCharge, UsageSample
from evolink_studio.generations.models import OPEN_CHARGES, Charge, Generation
from evolink_studio.generations.states import ENDED_STATES


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


def _expected_charge(state: str, charge: str, charged: int | None) -> int | None:
    if charge == Charge.CHARGED:
        return charged
    return 0 if state in ENDED_STATES and charge not in OPEN_CHARGES else None


class GenerationUsage:
    """The `UsageSource` of this studio, registered when the app is ready."""

    def list_recent_samples(self, model_id: str | None, limit: int) -> Iterable[UsageSample]:
        return list_usage_samples(model_id, limit)

    def list_charges(self, first_id: int, before_id: int | None) -> Iterable[GenerationCharge]:
        # Nothing is reserved for a cut: the studio makes it itself.
        rows = Generation.objects.filter(pk__gte=first_id).exclude(model_id=CUT_MODEL_ID)
        rows = rows.order_by("pk")
        if before_id is not None:
            rows = rows.filter(pk__lt=before_id)
        columns = ("pk", "state", "charge", as_units("credits_charged"), as_units("credits_held"))
        for pk, state, charge, charged, held in rows.values_list(*columns):
            yield GenerationCharge(pk, _expected_charge(state, charge, charged), held or 0)

    def find_id(self, first_id: int, offset: int) -> int | None:
        ids = Generation.objects.filter(pk__gte=first_id).order_by("pk")
        return ids.values_list("pk", flat=True)[offset : offset + 1].first()

    def get_usernames(self, generation_ids: Collection[int]) -> Mapping[int, str]:
        rows = Generation.objects.filter(pk__in=generation_ids)
        return dict(rows.values_list("pk", "owner__username"))

    def get_admin_url(self, generation_id: int) -> str:
        return Generation(pk=generation_id).get_admin_url()
