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
from tests.answers import answer, error, hang_up, redirect, silence
from tests.evolink.conftest import KEY, asking
from tests.farend import FarEnd, closed_port

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LINK = "https://files.evolink.ai/a/b.png"


def uploading(base: str, **options: object) -> RemoteFile:
    return asking(
        lambda evolink: evolink.upload_file(
            b"\x89PNG\r\n\x00bytes", name="a.png", mime="image/png"
        ),
        "http://127.0.0.1:9",
        files_url=base,
        clock=lambda: NOW,
        **options,
    )


def file_document(**data: object) -> dict[str, object]:
    return {"success": True, "code": 200, "msg": "ok", "data": {"file_url": LINK} | data}


def test_the_bytes_arrive_at_the_files_host_as_they_are(far: FarEnd) -> None:
    found = uploading(far.url)

    (request,) = far.upload.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert b'name="file"; filename="a.png"' in request.body
    assert b"\x89PNG\r\n\x00bytes" in request.body
    assert found.file_url.startswith(f"{far.url}/uploaded/")
    assert found.mime_type == "image/png"
    assert found.expires_at == datetime(2026, 11, 23, 12, tzinfo=UTC)


ASSUMED = timedelta(hours=71)
LIVES = [
    ({"expires_at": "2026-11-22T08:00:00Z"}, datetime(2026, 11, 22, 8, tzinfo=UTC)),
    ({"expires_at": "2026-11-22T08:00:00.123Z"}, datetime(2026, 11, 22, 8, 0, 0, 123000, UTC)),
    ({"expires_at": "2026-11-22T08:00:00+08:00"}, datetime(2026, 11, 22, 0, tzinfo=UTC)),
    ({"expires_at": "2026-11-22 08:00:00"}, datetime(2026, 11, 22, 0, tzinfo=UTC)),
    ({"expires_at": 1_795_000_000}, datetime.fromtimestamp(1_795_000_000, UTC)),
    ({"expires_at": "1795000000"}, datetime.fromtimestamp(1_795_000_000, UTC)),
    ({"expires_at": 1_795_000_000_000}, datetime.fromtimestamp(1_795_000_000, UTC)),
    ({"upload_time": "2026-11-20T11:00:00Z"}, datetime(2026, 11, 20, 11, tzinfo=UTC) + ASSUMED),
    ({"expires_at": "soon"}, NOW + ASSUMED),
    ({"expires_at": None}, NOW + ASSUMED),
    ({"expires_at": True}, NOW + ASSUMED),
    ({"expires_at": 10**40}, NOW + ASSUMED),
    ({"expires_at": {}, "upload_time": "0001-01-01T00:00:00+14:00"}, NOW + ASSUMED),
    ({}, NOW + ASSUMED),
]


@pytest.mark.parametrize(("data", "expires_at"), LIVES)
def test_the_end_of_life_is_read_or_assumed_on_the_early_side(
    far: FarEnd, data, expires_at
) -> None:
    far.upload.answers(answer(file_document(**data)))

    assert uploading(far.url).expires_at == expires_at


FAILURES = {
    "no": (answer({"success": False, "code": 200, "msg": "Quota exhausted"}), RequestRejected),
    "no, as 400": (answer({"success": False, "code": 400, "msg": "Format"}), RequestRejected),
    "no, as 401": (answer({"success": False, "code": 401, "msg": "Key"}), AuthenticationError),
    "not now": (answer({"success": False, "code": 500, "msg": "Sorry"}), ServiceUnavailableError),
    "too large": (error(413, "request_too_large_error"), RequestRejected),
    "key": (error(401, "unauthorized"), AuthenticationError),
    "often": (error(429, "rate_limit_exceeded"), RateLimitError),
    "server": (error(500, "internal_error"), ServiceUnavailableError),
    "moved": (redirect("/x"), ServiceUnavailableError),
    "closed": (hang_up(), ServiceUnavailableError),
    "no data": (answer({"success": True}), ServiceUnavailableError),
    "no URL": (
        answer({"success": True, "data": {"file_url": "javascript:x"}}),
        ServiceUnavailableError,
    ),
    "URL is a number": (
        answer({"success": True, "data": {"file_url": 5}}),
        ServiceUnavailableError,
    ),
}


@pytest.mark.parametrize(("reply", "kind"), FAILURES.values(), ids=FAILURES.keys())
def test_a_failed_upload_says_what_it_was(far: FarEnd, reply, kind: type) -> None:
    far.upload.answers(reply)

    with pytest.raises(kind) as caught:
        uploading(far.url)
    assert type(caught.value) is kind


def test_success_false_keeps_the_words_of_evolink(far: FarEnd) -> None:
    far.upload.answers(answer({"success": False, "code": 200, "msg": "Quota exhausted"}))

    with pytest.raises(RequestRejected, match="Quota exhausted"):
        uploading(far.url)


def test_an_upload_has_a_deadline_in_all(far: FarEnd) -> None:
    far.upload.answers(silence())

    with pytest.raises(ServiceUnavailableError):
        uploading(far.url, deadlines=Deadlines(upload=0.2))


def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(ServiceUnavailableError):
        uploading(f"http://127.0.0.1:{closed_port()}")
