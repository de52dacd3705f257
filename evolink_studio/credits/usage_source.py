"""Generation data for the audit and for prices, which another app registers.

`credits` must not import `generations`: that app registers a `UsageSource` when it is ready.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol


@dataclass(frozen=True)
class UsageSample:
    """One generation: what was chosen, and its credits as far as they are known."""

    generation_id: int
    model_id: str
    params: Mapping[str, object]
    created_at: datetime
    estimated: Decimal | None
    reserved: Decimal | None
    charged: Decimal | None


class GenerationCharge(NamedTuple):
    """What the ledger must say of one generation, in units (`credits.fields.as_units`).

    `expected` is what its entries must sum to, None while its credits are reserved; `held` what its
    row says is reserved.
    """

    generation_id: int
    expected: int | None
    held: int


class UsageSource(Protocol):
    """Generation data that another app provides: `credits` must not import `generations`."""

    def list_recent_samples(self, model_id: str | None, limit: int) -> Iterable[UsageSample]:
        """Generations with a figure from EvoLink, newest first; `model_id` None means any."""

    def list_charges(self, first_id: int, before_id: int | None) -> Iterable[GenerationCharge]:
        """Every generation from `first_id` on, up to `before_id` without it. One query."""

    def find_id(self, first_id: int, offset: int) -> int | None:
        """The id that comes `offset` generations after `first_id`; None beyond the last."""

    def get_usernames(self, generation_ids: Collection[int]) -> Mapping[int, str]:
        """The person of each of these generations. One query."""

    def get_admin_url(self, generation_id: int) -> str:
        """The URL of its admin page."""


_registered_sources: list[UsageSource] = []


def register_usage_source(source: UsageSource) -> None:
    """Set the source of generation data. Called once, when the apps are ready."""
    _registered_sources[:] = [source]


def get_usage_source() -> UsageSource | None:
    """The source of generation data; None while none is registered."""
    return _registered_sources[0] if _registered_sources else None


def list_recent_samples(model_id: str | None, limit: int) -> list[UsageSample]:
    """The newest generations with a figure from EvoLink; [] without a source."""
    source = get_usage_source()
    return list(source.list_recent_samples(model_id, limit)) if source else []


def generation_admin_url(generation_id: int) -> str:
    """The URL of a generation's admin page; "" without a source."""
    source = get_usage_source()
    return source.get_admin_url(generation_id) if source else ""


def get_usernames(generation_ids: Collection[int]) -> Mapping[int, str]:
    """The person of each of these generations; {} without a source. One query."""
    source = get_usage_source()
    return source.get_usernames(generation_ids) if source else {}
