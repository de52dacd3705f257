"""The one request that spends money: answers that are a clear no."""

import pytest

from evolink_studio.evolink.errors import (
    AuthenticationError,
    InsufficientCreditsError,
    NotFoundError,
    RateLimitError,
    RequestRejected,
)
from tests.evolink.conftest import create_video
from tests.fake_provider import FakeProvider
from tests.provider_replies import make_error_reply, make_reply

REJECTIONS = [
    (400, "invalid_request", RequestRejected),
    (400, "invalid_parameter", RequestRejected),
    (401, "unauthorized", AuthenticationError),
    (402, "insufficient_quota", InsufficientCreditsError),
    (402, "insufficient_user_quota", InsufficientCreditsError),
    (402, "insufficient_token_quota", InsufficientCreditsError),
    (402, "key_quota_exhausted", InsufficientCreditsError),
    (402, "key_disabled", AuthenticationError),
    (402, "key_expired", AuthenticationError),
    (402, "key_model_not_allowed", RequestRejected),
    (402, "something_new", InsufficientCreditsError),
    (403, "model_access_denied", RequestRejected),
    (403, "insufficient_user_quota", InsufficientCreditsError),
    (404, "model_not_found", NotFoundError),
    (400, "content_filter", RequestRejected),
    (401, "invalid_token", AuthenticationError),
    (402, "quota_not_enough", InsufficientCreditsError),
    (402, "user_disabled", AuthenticationError),
    (403, "ip_restricted", RequestRejected),
    (403, "key_daily_quota_exhausted", InsufficientCreditsError),
    (413, "request_too_large_error", RequestRejected),
    (422, 42, RequestRejected),
    (429, "rate_limit_exceeded", RateLimitError),
]


@pytest.mark.parametrize(("status", "code", "kind"), REJECTIONS)
def test_a_4xx_is_a_clear_no_with_its_words(
    fake_provider: FakeProvider, status: int, code: object, kind: type
) -> None:
    error = {"code": code, "message": "No, because.", "type": "t", "param": "duration"}
    fake_provider.create.reply_next(make_reply({"error": error}, status))

    with pytest.raises(kind) as exc_info:
        create_video(fake_provider.url)

    assert type(exc_info.value) is kind
    assert (exc_info.value.status, exc_info.value.code) == (status, str(code))
    assert (exc_info.value.provider_message, exc_info.value.field) == ("No, because.", "duration")
    assert fake_provider.paid_count == 0
    assert len(fake_provider.create.requests) == 1


def test_what_evolink_adds_to_an_error_stands_behind_its_message(
    fake_provider: FakeProvider,
) -> None:
    error = {"code": "insufficient_quota", "message": "Top up.", "action_url": "https://x/pay"}
    error |= {"estimated_credits": 162, "account_balance_credits": 12.5, "allowed_values": [5, 10]}
    fake_provider.create.reply_next(make_reply({"error": error, "request_id": "r-1"}, 402))

    with pytest.raises(InsufficientCreditsError) as exc_info:
        create_video(fake_provider.url)

    assert exc_info.value.provider_message == (
        "Top up. · estimated_credits 162 · account_balance_credits 12.5 · allowed_values 5, 10"
        " · request_id r-1"
    )


def test_an_error_may_be_worded_in_one_string_or_at_the_top(fake_provider: FakeProvider) -> None:
    fake_provider.create.reply_next(
        make_reply({"error": "Not like this"}, 400),
        make_reply({"code": 7, "message": "Nor so"}, 400),
    )

    with pytest.raises(RequestRejected, match="Not like this"):
        create_video(fake_provider.url)
    with pytest.raises(RequestRejected, match="Nor so") as exc_info:
        create_video(fake_provider.url)
    assert exc_info.value.code == "7"


REJECTIONS_IN_A_200 = [
    ("invalid_request", RequestRejected),
    (400, RequestRejected),
    ("401", AuthenticationError),
    ("unauthorized", AuthenticationError),
    ("insufficient_quota", InsufficientCreditsError),
    ("key_disabled", AuthenticationError),
    ("content_policy_violation", RequestRejected),
    ("moderation_blocked", RequestRejected),
    ("ip_restricted", RequestRejected),
    ("account_balance_insufficient", InsufficientCreditsError),
    ("rate_limit_exceeded", RateLimitError),
]


@pytest.mark.parametrize(("code", "kind"), REJECTIONS_IN_A_200)
def test_a_known_refusal_under_status_200_is_a_refusal(
    fake_provider: FakeProvider, code: object, kind: type
) -> None:
    fake_provider.create.reply_next(make_error_reply(200, code))

    with pytest.raises(kind) as exc_info:
        create_video(fake_provider.url)

    assert type(exc_info.value) is kind
