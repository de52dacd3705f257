"""A limit that a person sets for themselves: below what they may spend, and never above it."""

from datetime import timedelta
from decimal import Decimal

import pytest

from evolink_studio.credits.audit import audit_ledger
from evolink_studio.credits.availability import check_availability, get_allowance_statuses
from evolink_studio.credits.exceptions import AllowanceExceeded, NoAllowance, SharingScope
from evolink_studio.credits.forms import AllowanceForm
from evolink_studio.credits.models import Allowance
from evolink_studio.credits.services import (
    OwnLimitTooHigh,
    claim_threshold_alerts,
    raise_allowances,
    set_own_limit,
)
from tests.credits.conftest import NOW, VEO, create_allowance, dump_ledger

pytestmark = pytest.mark.django_db


def set_limit(user, amount, used=0) -> None:
    set_own_limit(
        user=user,
        credits_limit=None if amount is None else Decimal(amount),
        used_this_month=Decimal(used),
        now=NOW,
    )


def test_beyond_it_nothing_is_reserved_and_the_reason_names_the_person_themselves(
    ada, ledger_driver
):
    set_limit(ada, 30)
    ledger_driver.reserve(ada, "20")
    before = dump_ledger()
    with pytest.raises(AllowanceExceeded) as exc_info:
        ledger_driver.reserve(ada, "10.0001")
    assert dump_ledger() == before
    denial = exc_info.value
    assert denial.scope is SharingScope.SELF
    assert denial.reason == (
        "This needs 10.0001 credits, and the limit that you set yourself has 10 left."
    )
    assert "Your month" in denial.summary
    assert "Ask" not in denial.summary
    ledger_driver.reserve(ada, "10")


def test_it_holds_beside_what_everybody_is_given(ada, ben, ledger_driver):
    Allowance.objects.all().delete()
    create_allowance(50)
    set_limit(ada, 20)
    ledger_driver.reserve(ada, "20")
    with pytest.raises(AllowanceExceeded):
        ledger_driver.reserve(ada, "1")
    ledger_driver.reserve(ben, "50")
    assert [status.available for status in get_allowance_statuses(ada, NOW)] == [30, 0]


def test_it_holds_beside_a_personal_allowance(ada, ledger_driver):
    create_allowance(100, user=ada)
    set_limit(ada, 10)
    ledger_driver.reserve(ada, "10")
    with pytest.raises(AllowanceExceeded):
        ledger_driver.reserve(ada, "1")


def test_it_permits_nothing_by_itself(ada, ledger_driver):
    Allowance.objects.all().delete()
    set_limit(ada, 10)
    with pytest.raises(NoAllowance):
        ledger_driver.reserve(ada, "1")


def test_taken_away_it_holds_no_more_and_may_be_set_again(ada, ledger_driver):
    set_limit(ada, 10)
    ledger_driver.reserve(ada, "10")
    set_limit(ada, None)
    ledger_driver.reserve(ada, "5")
    set_limit(ada, 16, used=15)
    with pytest.raises(AllowanceExceeded):
        ledger_driver.reserve(ada, "1.0001")
    ledger_driver.reserve(ada, "1")
    assert not audit_ledger().findings
    assert Allowance.objects.filter(user=ada).count() == 1


def test_it_may_be_set_below_what_is_used_and_not_above_what_was_given(ada, ledger_driver):
    Allowance.objects.all().delete()
    create_allowance(50)
    ledger_driver.reserve(ada, "40")
    set_limit(ada, 10, used=40)
    assert not check_availability(user=ada, model_id=VEO, amount=Decimal(1), now=NOW).is_allowed
    with pytest.raises(OwnLimitTooHigh) as exc_info:
        set_limit(ada, "50.0001")
    assert exc_info.value.granted == 50
    assert Allowance.objects.get(user=ada).credits_limit == 10
    set_limit(ada, 50, used=40)
    own_status = get_allowance_statuses(ada, NOW)[-1]
    assert (own_status.limit, own_status.used, own_status.available) == (50, 40, 10)
    with pytest.raises(AllowanceExceeded):
        ledger_driver.reserve(ada, "10.0001")


def test_in_the_next_month_it_counts_from_nothing(ada, ledger_driver):
    set_limit(ada, 10, used=10)
    later = NOW + timedelta(days=11)
    assert get_allowance_statuses(ada, later)[-1].available == 10


def test_a_generation_of_unknown_price_asks_only_those_who_gave_credits(ada, ledger_driver):
    Allowance.objects.all().delete()
    create_allowance(50, unknown_price_credits=5)
    set_limit(ada, 4)
    with pytest.raises(AllowanceExceeded):
        ledger_driver.reserve(ada, None)
    set_limit(ada, 5)
    ledger_driver.reserve(ada, None)


def test_it_is_nothing_that_admins_raise_or_are_told_of(ada, ledger_driver):
    set_limit(ada, 10)
    ledger_driver.reserve(ada, "10")
    assert claim_threshold_alerts(now=NOW) == []
    own_limits = Allowance.objects.filter(user=ada)
    assert raise_allowances(queryset=own_limits, credits_added=Decimal(5)) == []
    assert own_limits.get().credits_limit == 10


def test_an_admin_still_gives_the_person_one_allowance_a_period(ada):
    set_limit(ada, 10)
    data = {"user": ada.pk, "credits_limit": "100", "period": "month", "is_active": "on"}
    form = AllowanceForm(data)
    assert form.is_valid(), form.errors
    form.save()
    assert "This person has an allowance for this period already." in str(
        AllowanceForm(data).errors
    )
