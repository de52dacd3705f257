"""What the button and the refusal say."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.template.loader import render_to_string
from django.utils import translation

from evolink_studio.credits.availability import (
    check_availability,
    find_reached_thresholds,
    get_allowance_statuses,
)
from evolink_studio.credits.exceptions import SpendingDenied
from evolink_studio.credits.presenters import build_allowance_lines, summarize_allowances
from evolink_studio.credits.services import claim_threshold_alerts
from tests.credits.conftest import NOW, VEO, create_allowance

pytestmark = pytest.mark.django_db


def availability_of(user, amount="10", **options):
    arguments = {"model_id": VEO, "now": NOW, **options}
    amount = None if amount is None else Decimal(amount)
    return check_availability(user=user, amount=amount, **arguments)


def test_the_button_knows_what_is_left(ada, ledger_driver):
    create_allowance(100, user=ada)
    ledger_driver.settle(ledger_driver.reserve(ada, "20"), "25.5")
    ledger_driver.reserve(ada, "30")
    availability = availability_of(ada)
    assert availability.is_allowed
    assert availability.denial is None
    assert (availability.available, availability.credits_needed) == (Decimal("44.5"), 10)
    assert availability.resets_at == datetime(2026, 12, 1, tzinfo=UTC)


def test_the_tightest_allowance_counts(ada, ben, film_team, ledger_driver):
    create_allowance(100, user=ada)
    create_allowance(70, group=film_team, is_shared=True, period="day")
    ledger_driver.reserve(ben, "40")
    availability = availability_of(ada)
    assert availability.available == 30
    assert availability.resets_at == datetime(2026, 11, 21, tzinfo=UTC)


def test_without_a_limit_there_is_always_room(ada):
    availability = availability_of(ada, "100000")
    assert availability.is_allowed
    assert (availability.available, availability.resets_at, availability.alert_percents) == (
        None,
        None,
        (),
    )


def test_the_denial_says_reason_reset_and_contact(ada, root, ledger_driver):
    create_allowance(30, user=ada)
    ledger_driver.reserve(ada, "17.5")
    availability = availability_of(ada, "36")
    assert not availability.is_allowed
    assert availability.denial.summary == (
        "This needs 36 credits, and your allowance has 12.5 left. "
        "It starts afresh on Dec. 1, 2026, 0:00 UTC. "
        "Ask Grace Hopper to change that."
    )


def test_after_the_button_the_refusal_says_that_nothing_was_spent(ada, root, ledger_driver):
    create_allowance(30, user=ada)
    with pytest.raises(SpendingDenied) as exc_info:
        ledger_driver.reserve(ada, "36")
    assert "Nothing was sent, so nothing is charged." in exc_info.value.full_text
    assert "Grace Hopper" in exc_info.value.full_text


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"group": True, "is_shared": True}, "the allowance that “Film team” share has 5 left"),
        ({"is_shared": True}, "the whole studio has 5 left"),
    ],
)
def test_the_refusal_says_whose_credits_have_run_out(ada, film_team, facts, words):
    facts = {**facts, "group": film_team if facts.get("group") else None}
    create_allowance(5, **facts)
    assert words in availability_of(ada).denial.summary


def test_the_button_and_the_press_refuse_with_the_same_words(ada, root, film_team, ledger_driver):
    create_allowance(10, user=ada, max_credits_per_generation=Decimal(8), model_ids=[VEO])
    create_allowance(9, group=film_team, is_shared=True)
    reservations = (
        {"amount": "8.5"},
        {"amount": "8", "model_id": "sora-2-preview"},
        {"amount": None},
    )
    for reservation in reservations:
        with pytest.raises(SpendingDenied) as exc_info:
            ledger_driver.reserve(ada, **reservation)
        denial = availability_of(ada, **reservation).denial
        assert (type(denial), denial.summary) == (type(exc_info.value), exc_info.value.summary)


def test_several_owners_are_named_and_people_who_left_are_not(ada, root, django_user_model):
    django_user_model.objects.create_superuser("linus")
    django_user_model.objects.create_superuser("gone", is_active=False)
    create_allowance(1, user=ada)
    assert availability_of(ada).denial.contact_text == "Ask Grace Hopper or linus to change that."


def test_without_an_owner_the_sentence_still_helps(ada):
    create_allowance(1, user=ada)
    assert (
        availability_of(ada).denial.contact_text == "Ask the owner of this studio to change that."
    )


def test_a_sentence_is_made_in_the_language_of_its_reader(ada, ledger_driver):
    create_allowance(5, user=ada)
    refusal = availability_of(ada, "1234.5").denial
    assert "1,234.5 credits" in refusal.reason
    with translation.override("de"):
        assert "1.234,5" in refusal.reason


@pytest.mark.parametrize(
    ("spent_amount", "amount", "warnings"),
    [
        ("0", "49", ()),
        ("0", "50", (50,)),
        ("40", "40", (50, 80)),
        ("90", "10", (50, 80, 100)),
    ],
)
def test_the_button_warns_of_thresholds_that_this_generation_reaches(
    ada, ledger_driver, spent_amount, amount, warnings
):
    create_allowance(100, user=ada)
    ledger_driver.reserve(ada, spent_amount)
    assert availability_of(ada, amount).alert_percents == warnings


def test_an_allowance_status_has_every_amount(ada, ledger_driver):
    create_allowance(200, user=ada)
    ledger_driver.settle(ledger_driver.reserve(ada, "100"), "100")
    ledger_driver.reserve(ada, "63")
    (status,) = get_allowance_statuses(ada, NOW)
    assert (status.limit, status.reserved, status.charged) == (200, 63, 100)
    assert (status.available, status.overdraft, status.used_percent) == (37, 0, 81)
    assert find_reached_thresholds(status.limit, status.used) == (50, 80)


def test_a_page_tells_how_every_allowance_stands(ada, film_team, ledger_driver):
    create_allowance(200, user=ada)
    create_allowance(50, group=film_team, is_shared=True, period="day")
    create_allowance(None, is_shared=True, period="none")
    ledger_driver.reserve(ada, "37.5")
    lines = [
        (line.title, line.remaining_text, line.used_percent, line.reset_text)
        for line in build_allowance_lines(get_allowance_statuses(ada, NOW))
    ]
    assert lines == [
        ("Your allowance this month", "162.5 of 200 left", 18, "afresh on Dec. 1, 2026"),
        ("Shared by “Film team”", "12.5 of 50 left", 75, "afresh on Nov. 21, 2026"),
        ("Shared by the whole studio", "37.5 used, no limit", None, ""),
    ]
    summary = summarize_allowances(availability_of(ada))
    assert (summary.title, summary.remaining_text) == ("Shared by “Film team”", "12.5 of 50 left")
    page = render_to_string("credits/_allowance_statuses.html", {"allowance_summary": summary})
    assert "162.5 of 200 left" in page
    assert page.count("<meter") == 2


def test_who_has_no_limit_is_told_of_none(ada, ledger_driver):
    ledger_driver.reserve(ada, "500")
    assert summarize_allowances(availability_of(ada)) is None


def test_the_page_without_credits_says_who_helps_and_what_is_still_free(ada, root):
    create_allowance(5, user=ada)
    availability = availability_of(ada, "36")
    assert "your allowance has 5 left" in str(availability.denial.reason)
    page = render_to_string(
        "credits/_allowance_statuses.html",
        {"denial": availability.denial, "allowance_summary": summarize_allowances(availability)},
    )
    assert page.count("Grace Hopper") == 1
    assert "5 of 5 left" in page
    assert "look at your films" in page


def test_a_threshold_is_told_once(ada, ledger_driver):
    create_allowance(100, user=ada)
    ledger_driver.reserve(ada, "79")
    (alert,) = claim_threshold_alerts(now=NOW)
    assert (alert.balance.user, alert.percent) == (ada, 50)
    assert alert.text == "ada: 50 % of 100 credits are used (a month)."
    assert claim_threshold_alerts(now=NOW) == []
    ledger_driver.reserve(ada, "21")
    assert [r.percent for r in claim_threshold_alerts(now=NOW)] == [100]
    assert claim_threshold_alerts(now=NOW) == []


def test_a_raised_allowance_is_told_about_again_when_it_is_used(ada, ledger_driver):
    allowance = create_allowance(100, user=ada)
    ledger_driver.reserve(ada, "100")
    claim_threshold_alerts(now=NOW)
    allowance.credits_limit = Decimal(200)
    allowance.save()
    assert claim_threshold_alerts(now=NOW) == []
    ledger_driver.reserve(ada, "60")
    assert [r.percent for r in claim_threshold_alerts(now=NOW)] == [80]
