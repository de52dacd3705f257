"""The account at EvoLink as it was last read: what is known, and how old it is."""

from datetime import timedelta
from decimal import Decimal

import pytest

from evolink_studio.credits.models import BalanceError, ProviderAccount
from evolink_studio.credits.queries import get_provider_account
from evolink_studio.credits.services import record_balance, record_key_rejected, record_unreachable
from tests.credits.conftest import NOW

pytestmark = pytest.mark.django_db
PROVIDER_KEY = "https://api.example.org#1"
LATER = NOW + timedelta(minutes=1)


def get_account() -> ProviderAccount:
    return ProviderAccount.objects.get(provider_key=PROVIDER_KEY)


def test_before_the_first_read_nothing_is_known():
    account = get_provider_account(provider_key=PROVIDER_KEY)
    assert (account.credits_available, account.key_state, account.read_at) == (
        None,
        "unknown",
        None,
    )
    assert not ProviderAccount.objects.exists()


def test_a_balance_is_kept_exactly_with_its_moment_and_says_the_key_is_good():
    record_balance(provider_key=PROVIDER_KEY, credits_available=Decimal("1095.3996"), now=NOW)
    account = get_account()
    assert account.credits_available == Decimal("1095.3996")
    assert (account.key_state, account.read_at, account.tried_at, account.last_error) == (
        "accepted",
        NOW,
        NOW,
        "",
    )


def test_a_provider_that_is_unavailable_leaves_the_last_balance_and_its_age():
    record_balance(provider_key=PROVIDER_KEY, credits_available=Decimal(5), now=NOW)
    record_unreachable(provider_key=PROVIDER_KEY, error=BalanceError.UNAVAILABLE, now=LATER)
    account = get_account()
    assert (account.credits_available, account.read_at, account.tried_at) == (5, NOW, LATER)
    assert (account.key_state, account.last_error) == ("accepted", "unavailable")


def test_a_refused_key_is_kept_apart_from_being_away():
    record_balance(provider_key=PROVIDER_KEY, credits_available=Decimal(5), now=NOW)
    record_key_rejected(provider_key=PROVIDER_KEY, now=LATER)
    assert (get_account().key_state, get_account().credits_available, get_account().read_at) == (
        "refused",
        5,
        NOW,
    )


def test_a_key_that_is_good_again_clears_everything():
    record_key_rejected(provider_key=PROVIDER_KEY, now=NOW)
    record_unreachable(provider_key=PROVIDER_KEY, error=BalanceError.UNAVAILABLE, now=NOW)
    record_balance(provider_key=PROVIDER_KEY, credits_available=Decimal(7), now=LATER)
    assert (get_account().key_state, get_account().last_error, get_account().credits_available) == (
        "accepted",
        "",
        7,
    )


def test_each_provider_and_each_key_has_an_account_of_its_own():
    record_balance(provider_key=PROVIDER_KEY, credits_available=Decimal(5), now=NOW)
    record_balance(provider_key="https://api.example.org#2", credits_available=Decimal(9), now=NOW)
    assert get_provider_account(provider_key=PROVIDER_KEY).credits_available == 5


@pytest.mark.parametrize("odd", ["1000000000000", "999999999999.99999", "-5"])
def test_an_impossible_balance_is_unknown_instead_of_breaking_every_page(odd):
    record_balance(provider_key=PROVIDER_KEY, credits_available=Decimal(odd), now=NOW)
    assert get_account().credits_available is None
