from datetime import UTC, datetime, timedelta

import pytest

from evolink_studio.evolink.client import Deadlines
from evolink_studio.evolink.errors import (
    AuthenticationError,
    RateLimitError,
    RequestRejected,
    ServiceUnavailableError,
)
from evolink_studio.evolink.types import RemoteFile
from tests.evolink.conftest import API_KEY, run_client
from tests.fake_provider import FakeProvider, find_closed_port
from tests.provider_replies import (
    make_dropped_reply,
    make_error_reply,
    make_redirect_reply,
    make_reply,
    make_silent_reply,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FILE_URL = "https://files.evolink.ai/a/b.png"


def upload_image(base: str, **options: object) -> RemoteFile:
    return run_client(
        lambda evolink: evolink.upload_file(
            b"\x89PNG\r\n\x00bytes", name="a.png", mime="image/png"
        ),
        "http://127.0.0.1:9",
        files_url=base,
        clock=lambda: NOW,
        **options,
    )


def file_document(**data: object) -> dict[str, object]:
    return {"success": True, "code": 200, "msg": "ok", "data": {"file_url": FILE_URL} | data}


def test_the_bytes_arrive_at_the_files_host_as_they_are(fake_provider: FakeProvider) -> None:
    upload = upload_image(fake_provider.url)

    (request,) = fake_provider.upload.requests
    assert request.headers["authorization"] == f"Bearer {API_KEY}"
    assert b'name="file"; filename="a.png"' in request.body
    assert b"\x89PNG\r\n\x00bytes" in request.body
    assert upload.file_url.startswith(f"{fake_provider.url}/uploaded/")
    assert upload.mime_type == "image/png"
    assert upload.expires_at == datetime(2026, 11, 23, 12, tzinfo=UTC)


ASSUMED_LIFETIME = timedelta(hours=71)
EXPIRY_CASES = [
    ({"expires_at": "2026-11-22T08:00:00Z"}, datetime(2026, 11, 22, 8, tzinfo=UTC)),
    ({"expires_at": "2026-11-22T08:00:00.123Z"}, datetime(2026, 11, 22, 8, 0, 0, 123000, UTC)),
    ({"expires_at": "2026-11-22T08:00:00+08:00"}, datetime(2026, 11, 22, 0, tzinfo=UTC)),
    ({"expires_at": "2026-11-22 08:00:00"}, datetime(2026, 11, 22, 0, tzinfo=UTC)),
    ({"expires_at": 1_795_000_000}, datetime.fromtimestamp(1_795_000_000, UTC)),
    ({"expires_at": "1795000000"}, datetime.fromtimestamp(1_795_000_000, UTC)),
    ({"expires_at": 1_795_000_000_000}, datetime.fromtimestamp(1_795_000_000, UTC)),
    (
        {"upload_time": "2026-11-20T11:00:00Z"},
        datetime(2026, 11, 20, 11, tzinfo=UTC) + ASSUMED_LIFETIME,
    ),
    ({"expires_at": "soon"}, NOW + ASSUMED_LIFETIME),
    ({"expires_at": None}, NOW + ASSUMED_LIFETIME),
    ({"expires_at": True}, NOW + ASSUMED_LIFETIME),
    ({"expires_at": 10**40}, NOW + ASSUMED_LIFETIME),
    ({"expires_at": {}, "upload_time": "0001-01-01T00:00:00+14:00"}, NOW + ASSUMED_LIFETIME),
    ({}, NOW + ASSUMED_LIFETIME),
]


@pytest.mark.parametrize(("data", "expires_at"), EXPIRY_CASES)
def test_the_end_of_life_is_read_or_assumed_on_the_early_side(
    fake_provider: FakeProvider, data, expires_at
) -> None:
    fake_provider.upload.reply_next(make_reply(file_document(**data)))

    assert upload_image(fake_provider.url).expires_at == expires_at


FAILURE_CASES = {
    "no": (make_reply({"success": False, "code": 200, "msg": "Quota exhausted"}), RequestRejected),
    "no, as 400": (make_reply({"success": False, "code": 400, "msg": "Format"}), RequestRejected),
    "no, as 401": (make_reply({"success": False, "code": 401, "msg": "Key"}), AuthenticationError),
    "not now": (
        make_reply({"success": False, "code": 500, "msg": "Sorry"}),
        ServiceUnavailableError,
    ),
    "too large": (make_error_reply(413, "request_too_large_error"), RequestRejected),
    "key": (make_error_reply(401, "unauthorized"), AuthenticationError),
    "often": (make_error_reply(429, "rate_limit_exceeded"), RateLimitError),
    "server": (make_error_reply(500, "internal_error"), ServiceUnavailableError),
    "moved": (make_redirect_reply("/x"), ServiceUnavailableError),
    "closed": (make_dropped_reply(), ServiceUnavailableError),
    "no data": (make_reply({"success": True}), ServiceUnavailableError),
    "no URL": (
        make_reply({"success": True, "data": {"file_url": "javascript:x"}}),
        ServiceUnavailableError,
    ),
    "URL is a number": (
        make_reply({"success": True, "data": {"file_url": 5}}),
        ServiceUnavailableError,
    ),
}


@pytest.mark.parametrize(("reply", "kind"), FAILURE_CASES.values(), ids=FAILURE_CASES.keys())
def test_a_failed_upload_says_what_it_was(fake_provider: FakeProvider, reply, kind: type) -> None:
    fake_provider.upload.reply_next(reply)

    with pytest.raises(kind) as exc_info:
        upload_image(fake_provider.url)
    assert type(exc_info.value) is kind


def test_success_false_keeps_the_words_of_evolink(fake_provider: FakeProvider) -> None:
    fake_provider.upload.reply_next(
        make_reply({"success": False, "code": 200, "msg": "Quota exhausted"})
    )

    with pytest.raises(RequestRejected, match="Quota exhausted"):
        upload_image(fake_provider.url)


def test_an_upload_has_a_deadline_in_all(fake_provider: FakeProvider) -> None:
    fake_provider.upload.reply_next(make_silent_reply())

    with pytest.raises(ServiceUnavailableError):
        upload_image(fake_provider.url, deadlines=Deadlines(upload=0.2))


def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(ServiceUnavailableError):
        upload_image(f"http://127.0.0.1:{find_closed_port()}")
