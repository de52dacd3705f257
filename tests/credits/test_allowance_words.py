"""What the button and the refusal say."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.template.loader import render_to_string
from django.utils import translation

from evolink_studio.credits.availability import allowance_statuses, check_availability
from evolink_studio.credits.exceptions import SpendingDenied
from evolink_studio.credits.presenters import allowance_lines, summarize_allowances
from evolink_studio.credits.services import claim_threshold_alerts
from tests.credits.conftest import NOW, VEO, allow

pytestmark = pytest.mark.django_db


def look(person, amount="10", **more):
    given = {"model_id": VEO, "active_count": 0, "now": NOW, **more}
    amount = None if amount is None else Decimal(amount)
    return check_availability(user=person, amount=amount, **given)


def test_the_button_knows_what_is_left(ada, desk):
    allow(100, user=ada)
    desk.settle(desk.reserve(ada, "20"), "25.5")
    desk.reserve(ada, "30")
    found = look(ada)
    assert found.is_allowed
    assert found.denial is None
    assert (found.available, found.needed) == (Decimal("44.5"), 10)
    assert found.resets_at == datetime(2026, 12, 1, tzinfo=UTC)


def test_the_tightest_allowance_counts(ada, ben, films, desk):
    allow(100, user=ada)
    allow(70, group=films, is_shared=True, period="day")
    desk.reserve(ben, "40")
    found = look(ada)
    assert found.available == 30
    assert found.resets_at == datetime(2026, 11, 21, tzinfo=UTC)


def test_without_a_limit_there_is_always_room(ada):
    found = look(ada, "100000")
    assert found.is_allowed
    assert (found.available, found.resets_at, found.alert_percents) == (None, None, ())


def test_the_refusal_says_what_when_and_who(ada, root, desk):
    allow(30, user=ada)
    desk.reserve(ada, "17.5")
    found = look(ada, "36")
    assert not found.is_allowed
    assert found.denial.summary == (
        "This needs 36 credits, and your allowance has 12.5 left. "
        "It starts afresh on Dec. 1, 2026, 0:00 UTC. "
        "Ask Grace Hopper to change that."
    )


def test_after_the_button_the_refusal_says_that_nothing_was_spent(ada, root, desk):
    allow(30, user=ada)
    with pytest.raises(SpendingDenied) as refused:
        desk.reserve(ada, "36")
    assert "Nothing was sent, so nothing is charged." in refused.value.full_text
    assert "Grace Hopper" in refused.value.full_text


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"group": True, "is_shared": True}, "the allowance that “Film team” share has 5 left"),
        ({"is_shared": True}, "the whole studio has 5 left"),
    ],
)
def test_the_refusal_says_whose_credits_have_run_out(ada, films, more, words):
    more = {**more, "group": films if more.get("group") else None}
    allow(5, **more)
    assert words in look(ada).denial.summary


def test_the_button_and_the_press_refuse_with_the_same_words(ada, root, films, desk):
    allow(10, user=ada, max_credits_per_generation=Decimal(8), max_concurrent=2, model_ids=[VEO])
    allow(9, group=films, is_shared=True)
    asked = (
        {"amount": "8.5"},
        {"amount": "8", "active_count": 2},
        {"amount": "8", "model_id": "sora-2-preview"},
        {"amount": None},
    )
    for wish in asked:
        with pytest.raises(SpendingDenied) as refused:
            desk.reserve(ada, **wish)
        shown = look(ada, **wish).denial
        assert (type(shown), shown.summary) == (type(refused.value), refused.value.summary)


def test_several_owners_are_named_and_people_who_left_are_not(ada, root, django_user_model):
    django_user_model.objects.create_superuser("linus")
    django_user_model.objects.create_superuser("gone", is_active=False)
    allow(1, user=ada)
    assert look(ada).denial.contact_text == "Ask Grace Hopper or linus to change that."


def test_without_an_owner_the_sentence_still_helps(ada):
    allow(1, user=ada)
    assert look(ada).denial.contact_text == "Ask the owner of this studio to change that."


def test_a_sentence_is_made_in_the_language_of_its_reader(ada, desk):
    allow(5, user=ada)
    refusal = look(ada, "1234.5").denial
    assert "1,234.5 credits" in refusal.reason
    with translation.override("de"):
        assert "1.234,5" in refusal.reason


@pytest.mark.parametrize(
    ("spent", "asked", "warnings"),
    [
        ("0", "49", ()),
        ("0", "50", (50,)),
        ("40", "40", (50, 80)),
        ("90", "10", (50, 80, 100)),
    ],
)
def test_the_button_warns_of_thresholds_that_this_generation_reaches(
    ada, desk, spent, asked, warnings
):
    allow(100, user=ada)
    desk.reserve(ada, spent)
    assert look(ada, asked).alert_percents == warnings


def test_a_standing_has_every_figure(ada, desk):
    allow(200, user=ada)
    desk.settle(desk.reserve(ada, "100"), "100")
    desk.reserve(ada, "63")
    (standing,) = allowance_statuses(ada, NOW)
    assert (standing.limit, standing.reserved, standing.charged) == (200, 63, 100)
    assert (standing.available, standing.overdraft, standing.used_percent) == (37, 0, 81)
    assert standing.reached_thresholds == (50, 80)


def test_a_page_tells_how_every_allowance_stands(ada, films, desk):
    allow(200, user=ada)
    allow(50, group=films, is_shared=True, period="day")
    allow(None, is_shared=True, period="none")
    desk.reserve(ada, "37.5")
    lines = [
        (one.title, one.remaining_text, one.used_percent, one.reset_text)
        for one in allowance_lines(allowance_statuses(ada, NOW))
    ]
    assert lines == [
        ("Your allowance this month", "162.5 of 200 left", 18, "afresh on Dec. 1, 2026"),
        ("Shared by “Film team”", "12.5 of 50 left", 75, "afresh on Nov. 21, 2026"),
        ("Shared by the whole studio", "37.5 used, no limit", None, ""),
    ]
    stands = summarize_allowances(look(ada))
    assert stands.summary == "Shared by “Film team”: 12.5 of 50 left"
    page = render_to_string("credits/_allowance_statuses.html", {"allowance_summary": stands})
    assert "162.5 of 200 left" in page
    assert page.count("<meter") == 2


def test_who_has_no_limit_is_told_of_none(ada, desk):
    desk.reserve(ada, "500")
    assert summarize_allowances(look(ada)) is None


def test_the_page_without_credits_says_who_helps_and_what_is_still_free(ada, root):
    allow(5, user=ada)
    refusal = look(ada, "36").denial
    page = render_to_string("credits/_spending_denied.html", {"denial": refusal, "cheaper_hint": ""})
    assert "your allowance has 5 left" in page
    assert "Grace Hopper" in page
    assert "look at your films" in page


def test_a_threshold_is_told_once(ada, desk):
    allow(100, user=ada)
    desk.reserve(ada, "79")
    (told_once,) = claim_threshold_alerts(now=NOW)
    assert (told_once.balance.user, told_once.percent) == (ada, 50)
    assert told_once.text == "ada: 50 % of 100 credits are used (a month)."
    assert claim_threshold_alerts(now=NOW) == []
    desk.reserve(ada, "21")
    assert [r.percent for r in claim_threshold_alerts(now=NOW)] == [100]
    assert claim_threshold_alerts(now=NOW) == []


def test_a_raised_allowance_is_told_about_again_when_it_is_used(ada, desk):
    allowance = allow(100, user=ada)
    desk.reserve(ada, "100")
    claim_threshold_alerts(now=NOW)
    allowance.credits_limit = Decimal(200)
    allowance.save()
    assert claim_threshold_alerts(now=NOW) == []
    desk.reserve(ada, "60")
    assert [r.percent for r in claim_threshold_alerts(now=NOW)] == [80]
