"""The account at EvoLink as it was last read: what is known, and how old it is."""

from datetime import timedelta
from decimal import Decimal

import pytest

from evolink_studio.credits.models import FarAccount
from evolink_studio.credits.queries import far_account
from evolink_studio.credits.services import record_balance, record_key_refused, record_unreachable
from tests.credits.conftest import NOW

pytestmark = pytest.mark.django_db
THERE = "https://api.example.org#1"
LATER = NOW + timedelta(minutes=1)


def known() -> FarAccount:
    return FarAccount.objects.get(far_end=THERE)


def test_before_the_first_read_nothing_is_known():
    account = far_account(far_end=THERE)
    assert (account.spendable, account.key_state, account.read) == (None, "unknown", None)
    assert not FarAccount.objects.exists()


def test_a_balance_is_kept_exactly_with_its_moment_and_says_the_key_is_good():
    record_balance(far_end=THERE, spendable=Decimal("1095.3996"), now=NOW)
    account = known()
    assert account.spendable == Decimal("1095.3996")
    assert (account.key_state, account.read, account.tried, account.problem) == (
        "accepted",
        NOW,
        NOW,
        "",
    )


def test_a_far_end_that_is_away_leaves_the_last_balance_and_its_age():
    record_balance(far_end=THERE, spendable=Decimal(5), now=NOW)
    record_unreachable(far_end=THERE, problem="Unavailable", now=LATER)
    account = known()
    assert (account.spendable, account.read, account.tried) == (5, NOW, LATER)
    assert (account.key_state, account.problem) == ("accepted", "Unavailable")


def test_a_refused_key_is_kept_apart_from_being_away():
    record_balance(far_end=THERE, spendable=Decimal(5), now=NOW)
    record_key_refused(far_end=THERE, now=LATER)
    assert (known().key_state, known().spendable, known().read) == ("refused", 5, NOW)


def test_a_key_that_is_good_again_clears_everything():
    record_key_refused(far_end=THERE, now=NOW)
    record_unreachable(far_end=THERE, problem="Unavailable", now=NOW)
    record_balance(far_end=THERE, spendable=Decimal(7), now=LATER)
    assert (known().key_state, known().problem, known().spendable) == ("accepted", "", 7)


def test_each_far_end_and_each_key_has_an_account_of_its_own():
    record_balance(far_end=THERE, spendable=Decimal(5), now=NOW)
    record_balance(far_end="https://api.example.org#2", spendable=Decimal(9), now=NOW)
    assert far_account(far_end=THERE).spendable == 5


def test_a_problem_of_any_length_is_kept_short():
    record_unreachable(far_end=THERE, problem="x" * 5000, now=NOW)
    assert len(known().problem) == 200


@pytest.mark.parametrize("odd", ["1000000000000", "999999999999.99999", "-5"])
def test_a_figure_that_nobody_can_mean_is_not_known_instead_of_breaking_every_page(odd):
    record_balance(far_end=THERE, spendable=Decimal(odd), now=NOW)
    assert known().spendable is None
