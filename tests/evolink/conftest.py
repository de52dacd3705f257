import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from evolink_studio.evolink.client import Deadlines, EvoLinkClient

API_KEY = "sk-evo-0123456789abcdefghij"
IDEMPOTENCY_KEY = "0123456789abcdef0123456789abcdef"

T = TypeVar("T")
ClientCall = Callable[..., Any]


def run_client(call: Callable[[EvoLinkClient], Awaitable[T]], base: str, **options: Any) -> T:
    """Run one call of a client on a loop of its own."""

    async def run() -> T:
        client_options = {
            "files_url": base,
            "api_key": API_KEY,
            "user_agent": "EvoLinkStudio/1.0",
        } | options
        async with EvoLinkClient(api_url=base, **client_options) as evolink:
            return await call(evolink)

    return asyncio.run(run())


def create_video(base: str, seconds: float = 5, **options: Any) -> Any:
    """One paid POST."""
    payload = {"model": "veo3.1-pro", "prompt": "A cat playing piano"}
    return run_client(
        lambda evolink: evolink.create_video(payload, idempotency_key=IDEMPOTENCY_KEY),
        base,
        deadlines=Deadlines(create=seconds),
        **options,
    )


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    return tmp_path / "film.part"
