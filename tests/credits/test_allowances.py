"""Which allowances apply, when they start afresh, and what they refuse."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError

from evolink_studio.credits.allowances import get_concurrency_limits_by_user
from evolink_studio.credits.availability import check_availability, get_allowance_statuses
from evolink_studio.credits.exceptions import (
    AllowanceExceeded,
    GenerationLimitExceeded,
    ModelNotAllowed,
    NoAllowance,
    PriceUnknown,
    SharingScope,
)
from evolink_studio.credits.ledger import reserve
from evolink_studio.credits.models import Allowance
from evolink_studio.credits.periods import Period, get_period_end, get_period_start
from tests.credits.conftest import NOW, VEO, balance_totals, create_allowance, dump_ledger

pytestmark = pytest.mark.django_db


def create_only_allowance(amount, **fields) -> Allowance:
    """The one allowance there is."""
    Allowance.objects.all().delete()
    return create_allowance(amount, **fields)


def available_credits(user, now=NOW) -> list[Decimal | None]:
    return [status.available for status in get_allowance_statuses(user, now)]


def test_in_a_fresh_studio_everybody_may_spend(ada, ledger_driver):
    ledger_driver.reserve(ada, "5000")
    assert available_credits(ada) == [None]
    assert balance_totals(ada) == [(Decimal(5000), Decimal(0))]


def test_without_any_allowance_nothing_may_be_spent(ada, root, ledger_driver):
    Allowance.objects.all().delete()
    with pytest.raises(NoAllowance) as exc_info:
        ledger_driver.reserve(ada, "0.0001")
    assert "Ask Grace Hopper" in exc_info.value.summary
    assert dump_ledger() == ((), (), ())


def test_an_allowance_that_is_switched_off_lets_nobody_spend(ada, ledger_driver):
    create_only_allowance(100, is_active=False)
    with pytest.raises(NoAllowance):
        ledger_driver.reserve(ada)


def test_what_everybody_is_given_each_spends_alone(ada, ben, ledger_driver):
    create_only_allowance(50)
    ledger_driver.reserve(ada, "50")
    ledger_driver.reserve(ben, "50")
    for user in (ada, ben):
        with pytest.raises(AllowanceExceeded):
            ledger_driver.reserve(user, "1")


def test_an_own_allowance_stands_in_place_of_everybodys(ada, ben, ledger_driver):
    create_only_allowance(50)
    create_allowance(80, user=ada)
    assert available_credits(ada) == [80]
    assert available_credits(ben) == [50]


def test_what_a_group_gives_each_member_stands_in_place_of_everybodys(ada, film_team):
    create_only_allowance(50)
    create_allowance(80, group=film_team)
    assert available_credits(ada) == [80]


def test_own_and_group_must_both_have_room(ada, ben, film_team, ledger_driver):
    create_allowance(100, user=ada)
    create_allowance(60, group=film_team, is_shared=True)
    ledger_driver.reserve(ben, "40")
    before = dump_ledger()
    with pytest.raises(AllowanceExceeded) as exc_info:
        ledger_driver.reserve(ada, "30")
    assert (exc_info.value.scope, exc_info.value.group_name) == (SharingScope.GROUP, "Film team")
    assert exc_info.value.available == 20
    assert dump_ledger() == before
    ledger_driver.reserve(ada, "20")
    assert balance_totals(ada)[-1] == (Decimal(20), Decimal(0))
    assert balance_totals(None) == [(Decimal(60), Decimal(0))]


def test_when_the_second_balance_refuses_the_first_keeps_everything(ada, film_team, ledger_driver):
    create_allowance(10, group=film_team, is_shared=True)
    create_allowance(5, user=ada)
    with pytest.raises(AllowanceExceeded) as exc_info:
        ledger_driver.reserve(ada, "8")
    assert exc_info.value.scope is SharingScope.OWN
    assert dump_ledger() == ((), (), ())


def test_the_pot_of_the_whole_studio_always_counts(ada, ben, ledger_driver):
    create_allowance(100, is_shared=True)
    create_allowance(90, user=ada)
    ledger_driver.reserve(ada, "90")
    with pytest.raises(AllowanceExceeded) as exc_info:
        ledger_driver.reserve(ben, "11")
    assert exc_info.value.scope is SharingScope.STUDIO
    ledger_driver.reserve(ben, "10")


def test_a_day_and_a_month_can_both_be_limited(ada, ledger_driver):
    create_allowance(20, user=ada, period=Period.DAY)
    create_allowance(50, user=ada, period=Period.MONTH)
    for _ in range(2):
        ledger_driver.reserve(ada, "20")
        ledger_driver.now += timedelta(days=1)
    with pytest.raises(AllowanceExceeded) as exc_info:
        ledger_driver.reserve(ada, "20")
    assert exc_info.value.available == 10
    assert exc_info.value.resets_at == datetime(2026, 12, 1, tzinfo=UTC)


def test_the_same_person_cannot_have_two_for_one_period(ada):
    create_allowance(20, user=ada)
    with pytest.raises(IntegrityError):
        create_allowance(30, user=ada)


@pytest.mark.parametrize(
    ("period", "moment", "first", "next_one"),
    [
        ("day", "2026-11-20T23:59:59", "2026-11-20", "2026-11-21"),
        ("day", "2026-12-31T00:00:00", "2026-12-31", "2027-01-01"),
        ("week", "2026-11-20T12:00:00", "2026-11-16", "2026-11-23"),
        ("week", "2026-11-16T00:00:00", "2026-11-16", "2026-11-23"),
        ("week", "2027-01-01T00:00:00", "2026-12-28", "2027-01-04"),
        ("month", "2026-11-30T23:59:59", "2026-11-01", "2026-12-01"),
        ("month", "2026-12-31T23:59:59", "2026-12-01", "2027-01-01"),
        ("month", "2028-02-29T01:00:00", "2028-02-01", "2028-03-01"),
    ],
)
def test_a_period_begins_and_ends_at_midnight_utc(period, moment, first, next_one):
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    began = get_period_start(period, now)
    assert began.isoformat() == first
    assert get_period_end(period, began) == datetime.fromisoformat(next_one).replace(tzinfo=UTC)


def test_a_moment_elsewhere_counts_by_its_utc_day():
    tokyo = datetime.fromisoformat("2026-12-01T08:00:00+09:00")
    assert get_period_start("month", tokyo).isoformat() == "2026-11-01"


@pytest.mark.parametrize(
    ("period", "next_period"),
    [("day", {"days": 1}), ("week", {"days": 3}), ("month", {"days": 11})],
)
def test_a_new_period_has_the_whole_amount_again(ada, ledger_driver, period, next_period):
    create_allowance(30, user=ada, period=period)
    ledger_driver.reserve(ada, "30")
    ledger_driver.now += timedelta(**next_period)
    assert available_credits(ada, ledger_driver.now) == [30]
    ledger_driver.reserve(ada, "30")


def test_without_a_period_nothing_ever_refills(ada, ledger_driver):
    create_allowance(30, user=ada, period=Period.NONE)
    ledger_driver.reserve(ada, "30")
    ledger_driver.now += timedelta(days=4000)
    with pytest.raises(AllowanceExceeded) as exc_info:
        ledger_driver.reserve(ada, "1")
    assert exc_info.value.resets_at is None
    assert "does not refill" in exc_info.value.summary


def test_what_was_reserved_last_month_is_charged_to_last_month(ada, ledger_driver):
    create_allowance(30, user=ada)
    number = ledger_driver.reserve(ada, "30")
    ledger_driver.now += timedelta(days=20)
    ledger_driver.reserve(ada, "5")
    ledger_driver.settle(number, "28")
    assert balance_totals(ada) == [(Decimal(0), Decimal(28)), (Decimal(5), Decimal(0))]


def test_a_raised_allowance_counts_at_once(ada, ledger_driver):
    allowance = create_allowance(30, user=ada)
    ledger_driver.reserve(ada, "30")
    allowance.credits_limit = Decimal(50)
    allowance.save()
    assert available_credits(ada) == [20]
    ledger_driver.reserve(ada, "20")


def test_a_lowered_allowance_is_never_shown_below_nothing(ada, ledger_driver):
    allowance = create_allowance(30, user=ada)
    ledger_driver.reserve(ada, "30")
    allowance.credits_limit = Decimal(10)
    allowance.save()
    (status,) = get_allowance_statuses(ada, NOW)
    assert (status.available, status.overdraft) == (0, 20)
    with pytest.raises(AllowanceExceeded) as exc_info:
        ledger_driver.reserve(ada, "0")
    assert exc_info.value.available == 0


def test_one_generation_may_not_cost_more_than_its_cap(ada, film_team, ledger_driver):
    create_allowance(None, user=ada, max_credits_per_generation=Decimal(50))
    create_allowance(None, group=film_team, max_credits_per_generation=Decimal(40))
    with pytest.raises(GenerationLimitExceeded) as exc_info:
        ledger_driver.reserve(ada, "40.0001")
    assert (exc_info.value.limit, exc_info.value.credits_needed) == (40, Decimal("40.0001"))
    ledger_driver.reserve(ada, "40")


def test_the_queue_can_ask_how_many_of_each_person_may_run(ada, ben, root, film_team):
    create_only_allowance(None, max_concurrent=9)
    create_allowance(None, user=ada, max_concurrent=3)
    create_allowance(None, group=film_team, is_shared=True, max_concurrent=5)
    create_allowance(None, user=root)
    assert get_concurrency_limits_by_user([ada.pk, ben.pk, root.pk]) == {ada.pk: 3, ben.pk: 5}


def test_only_chosen_models_may_be_used(ada, film_team, ledger_driver):
    create_allowance(None, user=ada)
    create_allowance(None, group=film_team, is_shared=True, model_ids=["sora-2-preview"])
    ledger_driver.reserve(ada, model_id="sora-2-preview")
    with pytest.raises(ModelNotAllowed) as exc_info:
        ledger_driver.reserve(ada, model_id=VEO)
    assert "Veo 3.1 Pro" in exc_info.value.summary


def test_an_unknown_price_reserves_the_worst_case(ada, film_team, ledger_driver):
    create_allowance(1000, user=ada, unknown_price_credits=Decimal(150))
    create_allowance(1000, group=film_team, is_shared=True, unknown_price_credits=Decimal(90))
    ledger_driver.reserve(ada, None)
    assert balance_totals(ada) == [(Decimal(150), Decimal(0))]


def test_an_unknown_price_is_refused_where_nobody_set_a_worst_case(ada, film_team, ledger_driver):
    create_allowance(1000, user=ada, unknown_price_credits=Decimal(150))
    create_allowance(1000, group=film_team, is_shared=True)
    with pytest.raises(PriceUnknown):
        ledger_driver.reserve(ada, None)
    assert dump_ledger() == ((), (), ())


def test_a_worst_case_beyond_the_cap_is_refused(ada, ledger_driver):
    create_allowance(
        1000, user=ada, unknown_price_credits=Decimal(150), max_credits_per_generation=Decimal(100)
    )
    with pytest.raises(GenerationLimitExceeded):
        ledger_driver.reserve(ada, None)


def test_people_who_left_a_group_no_longer_spend_from_it(ada, film_team, ledger_driver):
    create_allowance(100, group=film_team, is_shared=True)
    number = ledger_driver.reserve(ada, "30")
    film_team.user_set.remove(ada)
    ledger_driver.reserve(ada, "500")
    ledger_driver.settle(number, "30")
    assert balance_totals(None) == [(Decimal(0), Decimal(30))]


def test_reserving_costs_the_same_few_queries_whatever_was_spent_before(
    ada, ledger_driver, django_assert_max_num_queries
):
    for _ in range(5):
        ledger_driver.reserve(ada)
    with django_assert_max_num_queries(8):  # two of them begin and end the transaction
        reserve(generation_id=99, user=ada, model_id=VEO, amount=1, now=NOW)


def test_the_button_asks_in_two_queries(ada, film_team, ledger_driver, django_assert_num_queries):
    create_allowance(100, user=ada)
    create_allowance(100, group=film_team, is_shared=True)
    with django_assert_num_queries(2):
        check_availability(user=ada, model_id=VEO, amount=Decimal(10), now=NOW)
    with django_assert_num_queries(3):
        check_availability(user=ada, model_id=VEO, amount=Decimal(900), now=NOW)
