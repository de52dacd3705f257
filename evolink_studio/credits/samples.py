"""Recent generations, as examples for prices. The app that knows generations provides them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


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
