"""The one request that spends money: how it is written, and what an accepted one brings."""

import asyncio
from decimal import Decimal

import pytest

from evolink_studio.evolink.client import Deadlines, EvoLinkClient
from tests.answers import Received, Reply, silence, task
from tests.evolink.conftest import INTENT, KEY, asking, creating
from tests.farend import FarEnd


def test_an_accepted_task_is_returned_with_its_exact_credits(far: FarEnd) -> None:
    far.create.answers(task(id="task-unified-1757169743-abcdefgh"))

    found = creating(far.url)

    assert found.id == "task-unified-1757169743-abcdefgh"
    assert found.status == "pending"
    assert found.usage.credits_reserved == Decimal("25.7")
    assert found.task_info.estimated_time == 180
    assert far.paid == 1


def test_the_request_carries_the_payload_the_key_and_an_honest_name(far: FarEnd) -> None:
    creating(far.url)

    (request,) = far.create.requests
    assert request.json == {"model": "veo3.1-pro", "prompt": "A cat playing piano"}
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["user-agent"] == "EvoLinkStudio/1.0"
    assert request.headers["idempotency-key"] == INTENT
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["content-type"] == "application/json"


def test_every_paid_post_has_a_connection_of_its_own(far: FarEnd) -> None:
    async def thrice(evolink: EvoLinkClient) -> None:
        for _ in range(3):
            await evolink.create_video({"model": "m"}, idempotency_key=INTENT)

    asking(thrice, far.url)

    assert len({request.connection for request in far.create.requests}) == 3


def test_a_paid_post_never_takes_over_the_connection_of_a_read(far: FarEnd) -> None:
    async def read_then_create(evolink: EvoLinkClient) -> None:
        await evolink.get_balance()
        await evolink.create_video({"model": "m"}, idempotency_key=INTENT)

    asking(read_then_create, far.url)

    assert [request.connection for request in far.received] == [1, 2]


def test_a_task_that_failed_at_once_is_a_task(far: FarEnd) -> None:
    far.create.answers(task(status="failed", error={"code": 500, "message": "Sorry"}))

    found = creating(far.url)

    assert (found.status, found.error.code, found.error.message) == ("failed", "500", "Sorry")


def test_cancelling_passes_through_untouched(far: FarEnd) -> None:
    async def cancelled(evolink: EvoLinkClient) -> bool:
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()

        def never(_: Received) -> Reply:
            loop.call_soon_threadsafe(arrived.set)
            return silence()

        far.create.answers(never)
        post = asyncio.create_task(evolink.create_video({"model": "m"}, idempotency_key=INTENT))
        await arrived.wait()
        post.cancel()
        await asyncio.wait([post])
        return post.cancelled()

    assert asking(cancelled, far.url, deadlines=Deadlines())


def test_no_proxy_of_the_environment_sees_the_request(
    far: FarEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FarEnd() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        creating(far.url)

        assert far.paid == 1
        assert proxy.received == []
