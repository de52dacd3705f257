from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolink_studio.evolink.errors import RateLimitError
from evolink_studio.evolink.responses import parse_retry_after
from evolink_studio.evolink.transport import RawResponse
from tests.evolink.conftest import create_video
from tests.fake_provider import FakeProvider
from tests.provider_replies import make_reply

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HEADER_CASES = [
    ("5", 5),
    (" 5 ", 5),
    ("1.5", 1.5),
    ("120", 120),
    ("Fri, 20 Nov 2026 12:00:30 GMT", 30),
    ("Fri, 20 Nov 2026 13:00:30 +0100", 30),
    ("0", None),
    ("-5", None),
    ("121", None),
    ("99999999999999999999", None),
    ("1e1", None),
    ("inf", None),
    ("nan", None),
    ("٣", None),
    ("5, 6", None),
    ("soon", None),
    ("", None),
    ("Fri, 20 Nov 2026 11:59:59 GMT", None),
    ("Fri, 20 Nov 2026 12:02:01 GMT", None),
    ("Fri, 99 Nov 99999 12:02:01 GMT", None),
]


def make_retry_response(value: str) -> RawResponse:
    return RawResponse(429, headers={"retry-after": value}, received_at=NOW)


@pytest.mark.parametrize(("value", "seconds"), HEADER_CASES)
def test_only_a_sane_wait_is_taken_over(value: str, seconds: float | None) -> None:
    assert parse_retry_after(make_retry_response(value)) == seconds


@given(st.text() | st.from_regex(r"\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ \S*", fullmatch=True))
@settings(deadline=None)
def test_whatever_stands_there_is_a_sane_wait_or_none(value: str) -> None:
    seconds = parse_retry_after(make_retry_response(value))

    assert seconds is None or 0 < seconds <= 120


@pytest.mark.parametrize(("value", "seconds"), [("7", 7), ("86400", None)])
def test_the_wait_comes_with_the_error(
    fake_provider: FakeProvider, value: str, seconds: float | None
) -> None:
    fake_provider.create.reply_next(
        make_reply({"error": {"code": "rate_limit_exceeded"}}, 429, retry_after=value)
    )

    with pytest.raises(RateLimitError) as exc_info:
        create_video(fake_provider.url, clock=lambda: NOW)
    assert exc_info.value.retry_after == seconds


def test_no_header_is_no_wait() -> None:
    assert parse_retry_after(RawResponse(429, headers=httpx.Headers())) is None
