import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest

from evolink_studio.evolink.client import Deadlines, EvoLinkClient
from tests.farend import FarEnd

KEY = "sk-evo-0123456789abcdefghij"
INTENT = "0123456789abcdef0123456789abcdef"

T = TypeVar("T")
Ask = Callable[..., Any]


def asking(call: Callable[[EvoLinkClient], Awaitable[T]], base: str, **options: Any) -> T:
    """Run one call of a client on a loop of its own."""

    async def run() -> T:
        given = {"files_url": base, "api_key": KEY, "user_agent": "EvoLinkStudio/1.0"} | options
        async with EvoLinkClient(api_url=base, **given) as evolink:
            return await call(evolink)

    return asyncio.run(run())


def creating(base: str, seconds: float = 5, **options: Any) -> Any:
    """One paid POST."""
    payload = {"model": "veo3.1-pro", "prompt": "A cat playing piano"}
    return asking(
        lambda evolink: evolink.create_video(payload, idempotency_key=INTENT),
        base,
        deadlines=Deadlines(create=seconds),
        **options,
    )


@pytest.fixture
def far() -> Iterator[FarEnd]:
    with FarEnd() as running:
        yield running
