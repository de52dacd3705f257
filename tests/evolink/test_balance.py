from decimal import Decimal

import pytest

from evolink_studio.evolink.errors import (
    AuthenticationError,
    RequestRejected,
    ServiceUnavailableError,
)
from evolink_studio.evolink.types import ProviderBalance
from tests.evolink.conftest import run_client
from tests.fake_provider import FakeProvider
from tests.provider_replies import make_error_reply, make_reply


def read_balance(fake_provider: FakeProvider) -> ProviderBalance:
    return run_client(lambda evolink: evolink.get_balance(), fake_provider.url)


def credits_document(token: object, user: object, **fields: object) -> object:
    return {"data": {"token": token, "user": user}, "message": "", "success": True} | fields


def credits_limit(remaining: object, *, unlimited: object = False) -> dict[str, object]:
    return {"remaining_credits": remaining, "unlimited_credits": unlimited, "used_credits": 1.5}


def test_the_documented_answer_is_read_to_the_last_place(fake_provider: FakeProvider) -> None:
    fake_provider.credits.reply_next(
        make_reply(
            b'{"data":{"token":{"remaining_credits":99416.4429,"unlimited_credits":false,'
            b'"used_credits":583.5571},"user":{"remaining_credits":1095.3996,'
            b'"used_credits":135.9048}},"message":"","success":true}'
        )
    )

    balance = read_balance(fake_provider)

    assert balance == ProviderBalance(
        token_remaining=Decimal("99416.4429"),
        is_token_unlimited=False,
        token_used=Decimal("583.5571"),
        user_remaining=Decimal("1095.3996"),
        user_used=Decimal("135.9048"),
    )
    assert balance.credits_available == Decimal("1095.3996")


AVAILABLE_CASES = [
    (credits_limit(10), credits_limit(20), 10),
    (credits_limit(20), credits_limit(10), 10),
    (credits_limit(1, unlimited=True), credits_limit(10), 10),
    (credits_limit(None, unlimited=True), credits_limit(10), 10),
    (credits_limit(-3), credits_limit(10), 0),
    (credits_limit(5), credits_limit(-1), 0),
]


@pytest.mark.parametrize(("token", "user", "spendable"), AVAILABLE_CASES)
def test_what_can_be_spent_is_the_smaller_limit(
    fake_provider: FakeProvider, token, user, spendable
) -> None:
    fake_provider.credits.reply_next(make_reply(credits_document(token, user)))

    assert read_balance(fake_provider).credits_available == spendable


INVALID_BALANCES = {
    "no figures": credits_document({}, {}),
    "no token": credits_document(None, credits_limit(1)),
    "no user": credits_document(credits_limit(1), None),
    "text": credits_document(credits_limit("many"), credits_limit(1)),
    "beyond reason": credits_document(credits_limit(1), credits_limit(1e300)),
    "flag as figure": credits_document(credits_limit(1), credits_limit(True)),
    "no success": credits_document(credits_limit(1), credits_limit(1), success=False),
    "data is a list": {"data": [1], "success": True},
    "nothing": {},
}


@pytest.mark.parametrize("document", INVALID_BALANCES.values(), ids=INVALID_BALANCES.keys())
def test_a_balance_without_sense_is_unavailable_never_a_guess(
    fake_provider: FakeProvider, document
) -> None:
    fake_provider.credits.reply_next(make_reply(document))

    with pytest.raises(ServiceUnavailableError):
        read_balance(fake_provider)


def test_not_a_number_is_no_balance(fake_provider: FakeProvider) -> None:
    fake_provider.credits.reply_next(
        make_reply(
            b'{"data":{"token":{"remaining_credits":NaN},"user":{"remaining_credits":Infinity}}}'
        )
    )

    with pytest.raises(ServiceUnavailableError):
        read_balance(fake_provider)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (make_error_reply(401, 401, "Invalid token"), AuthenticationError),
        (
            make_reply({"success": False, "message": "Invalid token", "code": 401}),
            AuthenticationError,
        ),
        (make_error_reply(403, "permission_denied"), RequestRejected),
        (make_reply({"success": False, "message": "Sorry"}), ServiceUnavailableError),
    ],
)
def test_a_key_that_is_not_accepted_says_so(fake_provider: FakeProvider, reply, kind: type) -> None:
    fake_provider.credits.reply_next(reply)

    with pytest.raises(kind) as exc_info:
        read_balance(fake_provider)
    assert type(exc_info.value) is kind
