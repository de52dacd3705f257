"""Allowances, purses and entries in the admin pages."""

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from evolink_studio.accounts.models import User
from evolink_studio.credits import price_accuracy
from evolink_studio.credits.models import Allowance, LedgerEntry
from evolink_studio.credits.queries import overdrawn_balances
from tests.credits.conftest import allow

ALLOWANCES = "/admin/credits/allowance/"
PURSES = "/admin/credits/allowancebalance/"
ENTRIES = "/admin/credits/ledgerentry/"


@pytest.fixture
def owner(client, root):
    """The owner's browser."""
    client.force_login(root)
    return client


@pytest.fixture
def now(desk):
    """The admin pages show the present period, so these tests spend today."""
    desk.now = timezone.now()
    return desk.now


def text(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def entered(**changed) -> dict[str, str]:
    return {"credits_limit": "50", "period": "month", "is_active": "on", **changed}


def test_an_allowance_is_entered(owner, ada):
    answer = owner.post(
        f"{ALLOWANCES}add/",
        entered(user=ada.pk, max_credits_per_generation="12.5", model_ids=["veo3.1-pro"], max_concurrent="2"),
    )
    assert answer.status_code == 302
    made = Allowance.objects.get(user=ada)
    assert (made.credits_limit, made.max_credits_per_generation, made.max_concurrent) == (
        50,
        Decimal("12.5"),
        2,
    )
    assert made.model_ids == ["veo3.1-pro"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"credits_limit": "-1"}, "greater than or equal to 0"),
        ({"credits_limit": "0.00001"}, "no more than 4 decimal places"),
        ({"per_generation": "0"}, "greater than or equal to 0.0001"),
        ({"model_ids": ["no-such-model"]}, "Select a valid choice"),
        ({"group": True}, "Choose a person or a group, not both."),
        ({"is_shared": "on"}, "One person shares with nobody."),
        ({"period": "day"}, "has an allowance for this period already"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(owner, ada, films, changed, words):
    allow(10, user=ada, period="day")
    if changed.get("group"):
        changed = {"group": films.pk}
    answer = owner.post(f"{ALLOWANCES}add/", entered(user=ada.pk, **changed))
    assert answer.status_code == 200
    assert words in text(answer)
    assert Allowance.objects.filter(user=ada).count() == 1


def test_the_list_says_how_everything_stands(owner, ada, desk, now):
    allow(
        100,
        user=ada,
        max_credits_per_generation=Decimal(40),
        max_concurrent=3,
        model_ids=["veo3.1-pro"],
    )
    desk.settle(desk.reserve(ada, "12.5"), "10")
    desk.reserve(ada, "30")
    said = text(owner.get(ALLOWANCES))
    for words in ("ada", "30", "10", "60", "at most 40 each", "3 at once", "Veo 3.1 Pro"):
        assert words in said
    assert "everybody, each" in said


def test_the_list_shows_only_the_present_period(owner, ada, desk, now):
    allow(9000, user=ada)
    desk.now = now - timedelta(days=70)
    desk.reserve(ada, "7777.25")
    said = text(owner.get(ALLOWANCES))
    assert "7,777.25" not in said
    assert "9,000" in said


def test_what_was_charged_beyond_the_limit_is_shown(owner, ada, desk, now):
    allow(10, user=ada)
    desk.settle(desk.reserve(ada, "10"), "12.25")
    assert "2.25 too much" in text(owner.get(ALLOWANCES))
    assert "2.25 too much" in text(owner.get(PURSES))


def test_raising_an_allowance_makes_good_what_was_charged_beyond_it(owner, ada, desk, now):
    row = allow(10, user=ada)
    desk.settle(desk.reserve(ada, "10"), "12.25")
    assert [purse.user for purse in overdrawn_balances(now=now)] == [ada]
    row.credits_limit = Decimal(20)
    row.save()
    assert "7.75" in text(owner.get(ALLOWANCES))
    assert "7.75" in text(owner.get(PURSES))
    assert not overdrawn_balances(now=now)
    assert [purse.user for purse in overdrawn_balances(now=now + timedelta(days=62))] == [ada]


def test_what_everybody_has_leads_to_their_purses(owner, ada, ben, desk, now):
    Allowance.objects.update(credits_limit=Decimal(500))
    desk.reserve(ada)
    desk.reserve(ben)
    page = owner.get(ALLOWANCES).content.decode()
    assert "2 people" in page
    everybody = Allowance.objects.get()
    assert f"{PURSES}?allowance__id__exact={everybody.pk}" in page
    assert owner.get(f"{PURSES}?allowance__id__exact={everybody.pk}").status_code == 200


def test_an_amount_is_changed_in_the_list(owner, ada, desk, now):
    row = allow(10, user=ada)
    desk.reserve(ada, "10")
    everybody = Allowance.objects.get(user=None)
    form = {
        "form-TOTAL_FORMS": "2",
        "form-INITIAL_FORMS": "2",
        "form-0-id": everybody.pk,
        "form-0-credits_limit": "",
        "form-1-id": row.pk,
        "form-1-amount": "25",
        "_save": "Save",
    }
    assert owner.post(ALLOWANCES, form).status_code == 302
    desk.reserve(ada, "15")


def test_several_are_raised_in_one_go(owner, ada, ben, desk, now):
    rows = [allow(10, user=ada), allow(20, user=ben)]
    desk.reserve(ada, "10")
    everybody = Allowance.objects.get(user=None)
    chosen = {"action": "raise_amounts", "_selected_action": [r.pk for r in [*rows, everybody]]}
    asked = owner.post(ALLOWANCES, chosen)
    assert "ada: a month" in text(asked)
    wrong = owner.post(ALLOWANCES, {**chosen, "by": "-5"})
    assert "greater than or equal to" in text(wrong)
    done = owner.post(ALLOWANCES, {**chosen, "by": "7.5"}, follow=True)
    assert "2 allowances were raised." in text(done)
    amounts = Allowance.objects.order_by("pk").values_list("credits_limit", flat=True)
    assert list(amounts) == [None, Decimal("17.5"), Decimal("27.5")]
    assert "Raised by 7.5 to 17.5." in LogEntry.objects.values_list("change_message", flat=True)
    desk.reserve(ada, "7.5")


def test_an_allowance_that_was_used_is_switched_off_instead_of_deleted(owner, ada, desk, now):
    row = allow(10, user=ada)
    desk.reserve(ada)
    answer = owner.post(f"{ALLOWANCES}{row.pk}/delete/", {"post": "yes"})
    assert answer.status_code in (200, 403)
    assert Allowance.objects.filter(pk=row.pk).exists()
    change = entered(user=ada.pk, credits_limit="10")
    del change["is_active"]
    assert owner.post(f"{ALLOWANCES}{row.pk}/change/", change).status_code == 302
    assert not Allowance.objects.get(pk=row.pk).is_active


@pytest.mark.parametrize("page", [PURSES, ENTRIES])
def test_nobody_writes_in_the_book_by_hand(owner, ada, desk, now, page):
    desk.reserve(ada)
    one = LedgerEntry.objects.get().pk if page == ENTRIES else LedgerEntry.objects.get().balance_id
    assert owner.get(page).status_code == 200
    assert owner.get(f"{page}{one}/change/").status_code == 200
    assert owner.get(f"{page}add/").status_code == 403
    assert owner.post(f"{page}{one}/change/", {"note": "x"}).status_code == 403
    assert owner.post(f"{page}{one}/delete/", {"post": "yes"}).status_code == 403
    assert LedgerEntry.objects.get().note == ""


def test_entries_are_found_by_generation_and_kind(owner, ada, desk, now):
    first, second = desk.reserve(ada, "1.5"), desk.reserve(ada, "2.5")
    desk.release(second)
    assert "+1.5" in text(owner.get(ENTRIES))
    only = text(owner.get(f"{ENTRIES}?q={first}"))
    assert "+1.5" in only
    assert "+2.5" not in only
    released = text(owner.get(f"{ENTRIES}?kind__exact=release"))
    assert "-2.5" in released
    assert "+2.5" not in released


def test_an_entry_leads_to_its_generation_where_there_is_a_page(owner, ada, desk, now, monkeypatch):
    number = desk.reserve(ada)
    monkeypatch.setattr(price_accuracy, "generation_url", lambda pk: f"/somewhere/{pk}/")
    assert f'href="/somewhere/{number}/"' in owner.get(ENTRIES).content.decode()


def test_the_csv_has_exactly_the_lines_of_the_list(owner, ada, root, desk, now):
    root_first = User.objects.create_user("=cmd()")
    number = desk.reserve(ada, "36")
    desk.settle(number, "25.7")
    desk.reserve(root_first, "5")
    address = reverse("admin:credits_entry_csv")
    answer = owner.get(f"{address}?q={number}")
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode("utf-8-sig"))))
    assert [(r["kind"], r["reserved"], r["charged"]) for r in rows] == [
        ("settle", "-36.0000", "25.7000"),
        ("reserve", "36.0000", "0.0000"),
    ]
    everything = b"".join(owner.get(address)).decode()
    assert "'=cmd()" in everything


def test_the_lists_cost_the_same_for_many_lines_as_for_few(
    owner, ada, desk, now, django_assert_max_num_queries
):
    for _ in range(12):
        desk.reserve(ada)
        allow(5, user=User.objects.create_user(f"person{desk.reserve(ada)}"))
    for page, most in ((ALLOWANCES, 14), (PURSES, 12), (ENTRIES, 12)):
        with django_assert_max_num_queries(most):
            assert owner.get(page).status_code == 200


@pytest.mark.parametrize(
    "page",
    [
        ALLOWANCES,
        f"{ALLOWANCES}add/",
        PURSES,
        ENTRIES,
        f"{ENTRIES}csv/",
        "/admin/credits/ratecard/off/",
    ],
)
def test_only_staff_see_the_money(client, ada, page):
    client.force_login(ada)
    assert client.get(page).status_code == 302
    helper = User.objects.create_user("helper", is_staff=True)
    client.force_login(helper)
    assert client.get(page).status_code == (403 if page.endswith("add/") else 200)


def test_staff_may_look_at_an_allowance_but_not_change_it(client, ada):
    row = allow(10, user=ada)
    client.force_login(User.objects.create_user("helper", is_staff=True))
    assert client.get(f"{ALLOWANCES}{row.pk}/change/").status_code == 200
    assert client.post(f"{ALLOWANCES}{row.pk}/change/", entered()).status_code == 403
    raised = {"action": "raise_amounts", "_selected_action": [row.pk], "by": "5"}
    client.post(ALLOWANCES, raised)
    row.refresh_from_db()
    assert row.credits_limit == 10
