"""The one request that spends money: what certainly never left."""

import socket

import pytest

from evolink_studio.evolink.errors import RequestNotSent
from tests.evolink.conftest import INTENT, asking, creating
from tests.farend import FarEnd, closed_port


def test_no_listener_means_not_sent() -> None:
    with pytest.raises(RequestNotSent):
        creating(f"http://127.0.0.1:{closed_port()}")


def test_a_name_without_an_address_means_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_found(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nothing_found)

    with pytest.raises(RequestNotSent):
        creating("http://name.invalid")


def test_a_broken_tls_handshake_means_not_sent(far: FarEnd) -> None:
    with pytest.raises(RequestNotSent):
        creating(far.url.replace("http:", "https:"))
    assert len(far.hellos) == 1
    assert far.create.requests == []


def test_a_deadline_that_strikes_in_the_handshake_means_not_sent(far: FarEnd) -> None:
    far.mute = True

    with pytest.raises(RequestNotSent):
        creating(far.url.replace("http:", "https:"), seconds=0.2)


@pytest.mark.parametrize("payload", [{"x": {1}}, {"x": float("nan")}, {"x": b"y"}])
def test_what_cannot_be_written_as_json_is_not_sent(far: FarEnd, payload) -> None:
    with pytest.raises(RequestNotSent):
        asking(lambda evolink: evolink.create_video(payload, idempotency_key=INTENT), far.url)
    assert far.connections == 0


@pytest.mark.parametrize("intent", ["", "short", "a" * 97, "a b c d e f g h i j", "a" * 20 + "\n"])
def test_an_odd_idempotency_key_is_not_sent(far: FarEnd, intent: str) -> None:
    with pytest.raises(RequestNotSent):
        asking(lambda evolink: evolink.create_video({}, idempotency_key=intent), far.url)
    assert far.connections == 0
