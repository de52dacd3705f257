"""The one request that spends money: what certainly never left."""

import socket

import pytest

from evolink_studio.evolink.errors import RequestNotSent
from tests.evolink.conftest import IDEMPOTENCY_KEY, create_video, run_client
from tests.fake_provider import FakeProvider, find_closed_port


def test_no_listener_means_not_sent() -> None:
    with pytest.raises(RequestNotSent):
        create_video(f"http://127.0.0.1:{find_closed_port()}")


def test_a_name_without_an_address_means_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_to_resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail_to_resolve)

    with pytest.raises(RequestNotSent):
        create_video("http://name.invalid")


def test_a_broken_tls_handshake_means_not_sent(fake_provider: FakeProvider) -> None:
    with pytest.raises(RequestNotSent):
        create_video(fake_provider.url.replace("http:", "https:"))
    assert len(fake_provider.tls_hellos) == 1
    assert fake_provider.create.requests == []


def test_a_deadline_that_strikes_in_the_handshake_means_not_sent(
    fake_provider: FakeProvider,
) -> None:
    fake_provider.is_mute = True

    with pytest.raises(RequestNotSent):
        create_video(fake_provider.url.replace("http:", "https:"), seconds=0.2)


@pytest.mark.parametrize("payload", [{"x": {1}}, {"x": float("nan")}, {"x": b"y"}])
def test_what_cannot_be_written_as_json_is_not_sent(fake_provider: FakeProvider, payload) -> None:
    with pytest.raises(RequestNotSent):
        run_client(
            lambda evolink: evolink.create_video(payload, idempotency_key=IDEMPOTENCY_KEY),
            fake_provider.url,
        )
    assert fake_provider.connection_count == 0


@pytest.mark.parametrize("intent", ["", "short", "a" * 97, "a b c d e f g h i j", "a" * 20 + "\n"])
def test_an_odd_idempotency_key_is_not_sent(fake_provider: FakeProvider, intent: str) -> None:
    with pytest.raises(RequestNotSent):
        run_client(
            lambda evolink: evolink.create_video({}, idempotency_key=intent), fake_provider.url
        )
    assert fake_provider.connection_count == 0
