"""Where estimate, reservation and charge differ. Pure figures: nothing is read here."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from evolink_studio.credits.models import RateCard
from evolink_studio.credits.pricing import price


@dataclass(frozen=True)
class Sample:
    """One generation: what was chosen, and its credits as far as they are known."""

    generation: int
    model_id: str
    params: Mapping[str, object]
    created: datetime
    estimated: Decimal | None
    reserved: Decimal | None
    charged: Decimal | None


# (model id or None for all of them, how many at most) -> those that EvoLink accepted, newest first
Provider = Callable[[str | None, int], Iterable[Sample]]
provider: Provider | None = None
# number of a generation -> address of its page, where the admin pages have one
page_of: Callable[[int], str] | None = None


def recent(model_id: str | None, limit: int) -> list[Sample]:
    """The newest generations that EvoLink named a figure for; none while nobody provides any."""
    return list(provider(model_id, limit)) if provider else []


ZERO = Decimal(0)


@dataclass(frozen=True)
class Tried:
    """What a card says about a generation. `off` is how far the card is above EvoLink."""

    sample: Sample
    price: Decimal
    actual: Decimal | None

    @property
    def off(self) -> Decimal | None:
        return None if self.actual is None else self.price - self.actual


@dataclass(frozen=True)
class Model:
    """All generations of one AI model whose three figures are compared."""

    model_id: str
    count: int
    differing: int
    estimated: Decimal
    actual: Decimal

    @property
    def off(self) -> Decimal:
        """How far the estimates are above what was charged."""
        return self.estimated - self.actual

    @property
    def percent(self) -> Decimal | None:
        """The same as a share of what was charged, to one place; None when nothing was."""
        if not self.actual:
            return None
        return (100 * self.off / self.actual).quantize(Decimal("0.1"))


@dataclass(frozen=True)
class Drift:
    """The generations whose figures differ, in the order given, and what that means by model."""

    rows: tuple[Sample, ...]
    models: tuple[Model, ...]


def preview(card: RateCard, samples: Iterable[Sample]) -> tuple[Tried, ...]:
    """What a card, saved or not, would have said about these generations."""
    return tuple(Tried(sample, price(card, sample.params), _actual(sample)) for sample in samples)


def drift(rows: Iterable[Sample]) -> Drift:
    """Compare what was estimated, reserved and charged. A figure that is not known is left out."""
    seen = list(rows)
    by_model: dict[str, list[Sample]] = {}
    for row in seen:
        if row.estimated is not None and _actual(row) is not None:
            by_model.setdefault(row.model_id, []).append(row)
    models = [_model(model_id, samples) for model_id, samples in by_model.items()]
    return Drift(
        rows=tuple(row for row in seen if differs(row)),
        models=tuple(sorted(models, key=lambda model: -abs(model.off))),
    )


def differs(row: Sample) -> bool:
    """Whether the figures that are known are not all the same."""
    known = {f for f in (row.estimated, row.reserved, row.charged) if f is not None}
    return len(known) > 1


def _actual(row: Sample) -> Decimal | None:
    """What EvoLink said last: the charge, or the reservation while there is no charge."""
    return row.reserved if row.charged is None else row.charged


def _model(model_id: str, rows: list[Sample]) -> Model:
    return Model(
        model_id=model_id,
        count=len(rows),
        differing=sum(differs(row) for row in rows),
        estimated=sum((row.estimated or ZERO for row in rows), ZERO),
        actual=sum((_actual(row) or ZERO for row in rows), ZERO),
    )
