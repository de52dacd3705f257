"""The one request that spends money: how it is written, and what an accepted one brings."""

import asyncio
from decimal import Decimal

import pytest

from evolink_studio.evolink.client import Deadlines, EvoLinkClient
from tests.evolink.conftest import API_KEY, IDEMPOTENCY_KEY, create_video, run_client
from tests.fake_provider import FakeProvider
from tests.provider_replies import ReceivedRequest, Reply, make_silent_reply, make_task_reply


def test_an_accepted_task_is_returned_with_its_exact_credits(fake_provider: FakeProvider) -> None:
    fake_provider.create.reply_next(make_task_reply(id="task-unified-1757169743-abcdefgh"))

    task = create_video(fake_provider.url)

    assert task.id == "task-unified-1757169743-abcdefgh"
    assert task.status == "pending"
    assert task.usage.credits_reserved == Decimal("25.7")
    assert task.task_info.estimated_time == 180
    assert fake_provider.paid_count == 1


def test_the_request_carries_the_payload_the_key_and_an_honest_name(
    fake_provider: FakeProvider,
) -> None:
    create_video(fake_provider.url)

    (request,) = fake_provider.create.requests
    assert request.json == {"model": "veo3.1-pro", "prompt": "A cat playing piano"}
    assert request.headers["authorization"] == f"Bearer {API_KEY}"
    assert request.headers["user-agent"] == "EvoLinkStudio/1.0"
    assert request.headers["idempotency-key"] == IDEMPOTENCY_KEY
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["content-type"] == "application/json"


def test_every_paid_post_has_a_connection_of_its_own(fake_provider: FakeProvider) -> None:
    async def send_three_times(evolink: EvoLinkClient) -> None:
        for _ in range(3):
            await evolink.create_video({"model": "m"}, idempotency_key=IDEMPOTENCY_KEY)

    run_client(send_three_times, fake_provider.url)

    assert len({request.connection_number for request in fake_provider.create.requests}) == 3


def test_a_paid_post_never_takes_over_the_connection_of_a_read(fake_provider: FakeProvider) -> None:
    async def read_then_create(evolink: EvoLinkClient) -> None:
        await evolink.get_balance()
        await evolink.create_video({"model": "m"}, idempotency_key=IDEMPOTENCY_KEY)

    run_client(read_then_create, fake_provider.url)

    assert [request.connection_number for request in fake_provider.received_requests] == [1, 2]


def test_a_task_that_failed_at_once_is_a_task(fake_provider: FakeProvider) -> None:
    fake_provider.create.reply_next(
        make_task_reply(status="failed", error={"code": 500, "message": "Sorry"})
    )

    task = create_video(fake_provider.url)

    assert (task.status, task.error.code, task.error.message) == ("failed", "500", "Sorry")


def test_cancelling_passes_through_untouched(fake_provider: FakeProvider) -> None:
    async def send_and_cancel(evolink: EvoLinkClient) -> bool:
        loop, request_event = asyncio.get_running_loop(), asyncio.Event()

        def reply_never(_: ReceivedRequest) -> Reply:
            loop.call_soon_threadsafe(request_event.set)
            return make_silent_reply()

        fake_provider.create.reply_next(reply_never)
        post = asyncio.create_task(
            evolink.create_video({"model": "m"}, idempotency_key=IDEMPOTENCY_KEY)
        )
        await request_event.wait()
        post.cancel()
        await asyncio.wait([post])
        return post.cancelled()

    assert run_client(send_and_cancel, fake_provider.url, deadlines=Deadlines())


def test_no_proxy_of_the_environment_sees_the_request(
    fake_provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeProvider() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        create_video(fake_provider.url)

        assert fake_provider.paid_count == 1
        assert proxy.received_requests == []
