from decimal import Decimal

import pytest

from evolink_studio.evolink.errors import (
    AuthenticationError,
    RequestRejected,
    ServiceUnavailableError,
)
from evolink_studio.evolink.types import ProviderBalance
from tests.answers import answer, error
from tests.evolink.conftest import asking
from tests.farend import FarEnd


def balance_of(far: FarEnd) -> ProviderBalance:
    return asking(lambda evolink: evolink.get_balance(), far.url)


def credits_document(token: object, user: object, **more: object) -> object:
    return {"data": {"token": token, "user": user}, "message": "", "success": True} | more


def limit(remaining: object, *, unlimited: object = False) -> dict[str, object]:
    return {"remaining_credits": remaining, "unlimited_credits": unlimited, "used_credits": 1.5}


def test_the_documented_answer_is_read_to_the_last_place(far: FarEnd) -> None:
    far.credits.answers(
        answer(
            b'{"data":{"token":{"remaining_credits":99416.4429,"unlimited_credits":false,'
            b'"used_credits":583.5571},"user":{"remaining_credits":1095.3996,'
            b'"used_credits":135.9048}},"message":"","success":true}'
        )
    )

    found = balance_of(far)

    assert found == ProviderBalance(
        token_remaining=Decimal("99416.4429"),
        is_token_unlimited=False,
        token_used=Decimal("583.5571"),
        user_remaining=Decimal("1095.3996"),
        user_used=Decimal("135.9048"),
    )
    assert found.credits_available == Decimal("1095.3996")


SPENDABLE = [
    (limit(10), limit(20), 10),
    (limit(20), limit(10), 10),
    (limit(1, unlimited=True), limit(10), 10),
    (limit(None, unlimited=True), limit(10), 10),
    (limit(-3), limit(10), 0),
    (limit(5), limit(-1), 0),
]


@pytest.mark.parametrize(("token", "user", "spendable"), SPENDABLE)
def test_what_can_be_spent_is_the_smaller_limit(far: FarEnd, token, user, spendable) -> None:
    far.credits.answers(answer(credits_document(token, user)))

    assert balance_of(far).credits_available == spendable


SENSELESS = {
    "no figures": credits_document({}, {}),
    "no token": credits_document(None, limit(1)),
    "no user": credits_document(limit(1), None),
    "text": credits_document(limit("many"), limit(1)),
    "beyond reason": credits_document(limit(1), limit(1e300)),
    "flag as figure": credits_document(limit(1), limit(True)),
    "no success": credits_document(limit(1), limit(1), success=False),
    "data is a list": {"data": [1], "success": True},
    "nothing": {},
}


@pytest.mark.parametrize("document", SENSELESS.values(), ids=SENSELESS.keys())
def test_a_balance_without_sense_is_unavailable_never_a_guess(far: FarEnd, document) -> None:
    far.credits.answers(answer(document))

    with pytest.raises(ServiceUnavailableError):
        balance_of(far)


def test_not_a_number_is_no_balance(far: FarEnd) -> None:
    far.credits.answers(
        answer(
            b'{"data":{"token":{"remaining_credits":NaN},"user":{"remaining_credits":Infinity}}}'
        )
    )

    with pytest.raises(ServiceUnavailableError):
        balance_of(far)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error(401, 401, "Invalid token"), AuthenticationError),
        (answer({"success": False, "message": "Invalid token", "code": 401}), AuthenticationError),
        (error(403, "permission_denied"), RequestRejected),
        (answer({"success": False, "message": "Sorry"}), ServiceUnavailableError),
    ],
)
def test_a_key_that_is_not_accepted_says_so(far: FarEnd, reply, kind: type) -> None:
    far.credits.answers(reply)

    with pytest.raises(kind) as caught:
        balance_of(far)
    assert type(caught.value) is kind
