"""How far estimates, reservations and charges are apart, by AI model and rate card."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from evolink_studio.credits.fields import ZERO_CREDITS
from evolink_studio.credits.models import RateCard
from evolink_studio.credits.pricing import calculate_price
from evolink_studio.credits.usage_source import UsageSample


@dataclass(frozen=True)
class PricePreview:
    """The price of a generation by a rate card. `difference` is price minus EvoLink's figure."""

    sample: UsageSample
    price: Decimal
    actual: Decimal | None

    @property
    def difference(self) -> Decimal | None:
        return None if self.actual is None else self.price - self.actual


@dataclass(frozen=True)
class ModelAccuracy:
    """Totals, in credits, of all compared generations of one AI model."""

    model_id: str
    count: int
    differing_count: int
    estimated: Decimal
    actual: Decimal

    @property
    def difference(self) -> Decimal:
        """How far the estimates are above what was charged."""
        return self.estimated - self.actual

    @property
    def difference_percent(self) -> Decimal | None:
        """The same as a share of what was charged, to one place; None when nothing was."""
        if not self.actual:
            return None
        return (100 * self.difference / self.actual).quantize(Decimal("0.1"))


@dataclass(frozen=True)
class AccuracyReport:
    """The generations whose figures differ, in the order given, and the totals by model."""

    differing_samples: tuple[UsageSample, ...]
    by_model: tuple[ModelAccuracy, ...]


def preview_prices(rate_card: RateCard, samples: Iterable[UsageSample]) -> tuple[PricePreview, ...]:
    """The prices of these generations by a rate card, saved or not."""
    return tuple(
        PricePreview(sample, calculate_price(rate_card, sample.params), _actual_credits(sample))
        for sample in samples
    )


def measure_accuracy(samples: Iterable[UsageSample]) -> AccuracyReport:
    """Compare estimates with EvoLink's figures. A sample without one of them is in no total."""
    all_samples = list(samples)
    by_model: dict[str, list[UsageSample]] = {}
    for sample in all_samples:
        if sample.estimated is not None and _actual_credits(sample) is not None:
            by_model.setdefault(sample.model_id, []).append(sample)
    models = [
        _measure_model(model_id, model_samples) for model_id, model_samples in by_model.items()
    ]
    return AccuracyReport(
        differing_samples=tuple(sample for sample in all_samples if has_difference(sample)),
        by_model=tuple(sorted(models, key=lambda accuracy: -abs(accuracy.difference))),
    )


def has_difference(sample: UsageSample) -> bool:
    """Whether the figures that are known are not all the same."""
    amounts = {sample.estimated, sample.reserved, sample.charged} - {None}
    return len(amounts) > 1


def _actual_credits(sample: UsageSample) -> Decimal | None:
    """EvoLink's latest figure: the charge, or the reservation while there is no charge."""
    return sample.reserved if sample.charged is None else sample.charged


def _measure_model(model_id: str, samples: list[UsageSample]) -> ModelAccuracy:
    return ModelAccuracy(
        model_id=model_id,
        count=len(samples),
        differing_count=sum(has_difference(sample) for sample in samples),
        estimated=sum((sample.estimated or ZERO_CREDITS for sample in samples), ZERO_CREDITS),
        actual=sum((_actual_credits(sample) or ZERO_CREDITS for sample in samples), ZERO_CREDITS),
    )
