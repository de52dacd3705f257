"""Allowances, balances and entries in the admin pages."""

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
from evolink_studio.credits.models import Allowance, LedgerEntry
from evolink_studio.credits.queries import list_overdrawn_balances
from evolink_studio.credits.usage_source import register_usage_source
from tests.credits.conftest import FakeUsageSource, create_allowance

ALLOWANCES_URL = "/admin/credits/allowance/"
BALANCES_URL = "/admin/credits/allowancebalance/"
ENTRIES_URL = "/admin/credits/ledgerentry/"


@pytest.fixture
def root_client(client, root):
    """The owner's browser."""
    client.force_login(root)
    return client


@pytest.fixture
def now(ledger_driver):
    """The admin pages show the present period, so these tests spend today."""
    ledger_driver.now = timezone.now()
    return ledger_driver.now


def page_text(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def allowance_form(**changes) -> dict[str, str]:
    return {"credits_limit": "50", "period": "month", "is_active": "on", **changes}


def test_an_allowance_is_entered(root_client, ada):
    answer = root_client.post(
        f"{ALLOWANCES_URL}add/",
        allowance_form(
            user=ada.pk,
            max_credits_per_generation="12.5",
            model_ids=["veo3.1-pro"],
            max_concurrent="2",
        ),
    )
    assert answer.status_code == 302
    allowance = Allowance.objects.get(user=ada)
    assert (
        allowance.credits_limit,
        allowance.max_credits_per_generation,
        allowance.max_concurrent,
    ) == (
        50,
        Decimal("12.5"),
        2,
    )
    assert allowance.model_ids == ["veo3.1-pro"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"credits_limit": "-1"}, "greater than or equal to 0"),
        ({"credits_limit": "0.00001"}, "no more than 4 decimal places"),
        ({"max_credits_per_generation": "0"}, "greater than or equal to 0.0001"),
        ({"model_ids": ["no-such-model"]}, "Select a valid choice"),
        ({"group": True}, "Choose a person or a group, not both."),
        ({"is_shared": "on"}, "One person shares with nobody."),
        ({"period": "day"}, "has an allowance for this period already"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(root_client, ada, film_team, changes, words):
    create_allowance(10, user=ada, period="day")
    if changes.get("group"):
        changes = {"group": film_team.pk}
    answer = root_client.post(f"{ALLOWANCES_URL}add/", allowance_form(user=ada.pk, **changes))
    assert answer.status_code == 200
    assert words in page_text(answer)
    assert Allowance.objects.filter(user=ada).count() == 1


def test_the_list_says_how_everything_stands(root_client, ada, ledger_driver, now):
    create_allowance(
        100,
        user=ada,
        max_credits_per_generation=Decimal(40),
        max_concurrent=3,
        model_ids=["veo3.1-pro"],
    )
    ledger_driver.settle(ledger_driver.reserve(ada, "12.5"), "10")
    ledger_driver.reserve(ada, "30")
    text = page_text(root_client.get(ALLOWANCES_URL))
    for words in ("ada", "30", "10", "60", "at most 40 each", "3 at once", "Veo 3.1 Pro"):
        assert words in text
    assert "everybody, each" in text


def test_the_list_shows_only_the_present_period(root_client, ada, ledger_driver, now):
    create_allowance(9000, user=ada)
    ledger_driver.now = now - timedelta(days=70)
    ledger_driver.reserve(ada, "7777.25")
    text = page_text(root_client.get(ALLOWANCES_URL))
    assert "7,777.25" not in text
    assert "9,000" in text


def test_what_was_charged_beyond_the_limit_is_shown(root_client, ada, ledger_driver, now):
    create_allowance(10, user=ada)
    ledger_driver.settle(ledger_driver.reserve(ada, "10"), "12.25")
    assert "2.25 too much" in page_text(root_client.get(ALLOWANCES_URL))
    assert "2.25 too much" in page_text(root_client.get(BALANCES_URL))


def test_raising_an_allowance_makes_good_what_was_charged_beyond_it(
    root_client, ada, ledger_driver, now
):
    row = create_allowance(10, user=ada)
    ledger_driver.settle(ledger_driver.reserve(ada, "10"), "12.25")
    assert [balance.user for balance in list_overdrawn_balances(now=now)] == [ada]
    row.credits_limit = Decimal(20)
    row.save()
    assert "7.75" in page_text(root_client.get(ALLOWANCES_URL))
    assert "7.75" in page_text(root_client.get(BALANCES_URL))
    assert not list_overdrawn_balances(now=now)
    assert [balance.user for balance in list_overdrawn_balances(now=now + timedelta(days=62))] == [
        ada
    ]


def test_what_everybody_has_leads_to_their_balances(root_client, ada, ben, ledger_driver, now):
    Allowance.objects.update(credits_limit=Decimal(500))
    ledger_driver.reserve(ada)
    ledger_driver.reserve(ben)
    page = root_client.get(ALLOWANCES_URL).content.decode()
    assert "2 people" in page
    default_allowance = Allowance.objects.get()
    assert f"{BALANCES_URL}?allowance__id__exact={default_allowance.pk}" in page
    assert (
        root_client.get(f"{BALANCES_URL}?allowance__id__exact={default_allowance.pk}").status_code
        == 200
    )


def test_an_amount_is_changed_in_the_list(root_client, ada, ledger_driver, now):
    row = create_allowance(10, user=ada)
    ledger_driver.reserve(ada, "10")
    default_allowance = Allowance.objects.get(user=None)
    form = {
        "form-TOTAL_FORMS": "2",
        "form-INITIAL_FORMS": "2",
        "form-0-id": default_allowance.pk,
        "form-0-credits_limit": "",
        "form-1-id": row.pk,
        "form-1-amount": "25",
        "_save": "Save",
    }
    assert root_client.post(ALLOWANCES_URL, form).status_code == 302
    ledger_driver.reserve(ada, "15")


def test_several_are_raised_in_one_go(root_client, ada, ben, ledger_driver, now):
    rows = [create_allowance(10, user=ada), create_allowance(20, user=ben)]
    ledger_driver.reserve(ada, "10")
    default_allowance = Allowance.objects.get(user=None)
    action_data = {
        "action": "raise_amounts",
        "_selected_action": [r.pk for r in [*rows, default_allowance]],
    }
    reply = root_client.post(ALLOWANCES_URL, action_data)
    assert "ada: a month" in page_text(reply)
    rejected_page = root_client.post(ALLOWANCES_URL, {**action_data, "by": "-5"})
    assert "greater than or equal to" in page_text(rejected_page)
    preview = page_text(root_client.post(ALLOWANCES_URL, {**action_data, "by": "7.5"}))
    assert "ada: a month for this person alone 10 17.5 ben: a month" in preview
    assert "everybody: a month for each of them, this amount apiece no limit no limit" in preview
    assert not LogEntry.objects.exists()
    limits = Allowance.objects.order_by("pk").values_list("pk", "credits_limit")
    seen = " ".join(f"{pk}:{limit}" for pk, limit in limits)
    confirmed = {**action_data, "by": "7.5", "seen": seen}
    done_page = root_client.post(ALLOWANCES_URL, confirmed, follow=True)
    assert "2 allowances were raised." in page_text(done_page)
    amounts = Allowance.objects.order_by("pk").values_list("credits_limit", flat=True)
    assert list(amounts) == [None, Decimal("17.5"), Decimal("27.5")]
    assert "Raised by 7.5: 10 → 17.5." in LogEntry.objects.values_list("change_message", flat=True)
    ledger_driver.reserve(ada, "7.5")
    late_page = root_client.post(ALLOWANCES_URL, confirmed, follow=True)
    assert "An amount has changed in the meantime" in page_text(late_page)
    amounts = Allowance.objects.order_by("pk").values_list("credits_limit", flat=True)
    assert list(amounts) == [None, Decimal("17.5"), Decimal("27.5")]


def test_a_pot_is_told_from_what_each_may_spend_before_it_is_raised(root_client):
    Allowance.objects.all().delete()
    rows = [create_allowance(10), create_allowance(20, is_shared=True)]
    data = {"action": "raise_amounts", "_selected_action": [row.pk for row in rows], "by": "0.0001"}
    text = page_text(root_client.post(ALLOWANCES_URL, data))
    assert "for each of them, this amount apiece 10 10.0001" in text
    assert "one pot, which all of them share 20 20.0001" in text


def test_an_allowance_that_was_used_is_switched_off_instead_of_deleted(
    root_client, ada, ledger_driver, now
):
    row = create_allowance(10, user=ada)
    ledger_driver.reserve(ada)
    answer = root_client.post(f"{ALLOWANCES_URL}{row.pk}/delete/", {"post": "yes"})
    assert answer.status_code in (200, 403)
    assert Allowance.objects.filter(pk=row.pk).exists()
    change = allowance_form(user=ada.pk, credits_limit="10")
    del change["is_active"]
    assert root_client.post(f"{ALLOWANCES_URL}{row.pk}/change/", change).status_code == 302
    assert not Allowance.objects.get(pk=row.pk).is_active


@pytest.mark.parametrize("page", [BALANCES_URL, ENTRIES_URL])
def test_nobody_edits_the_ledger_by_hand(root_client, ada, ledger_driver, now, page):
    ledger_driver.reserve(ada)
    pk = (
        LedgerEntry.objects.get().pk
        if page == ENTRIES_URL
        else LedgerEntry.objects.get().balance_id
    )
    assert root_client.get(page).status_code == 200
    assert root_client.get(f"{page}{pk}/change/").status_code == 200
    assert root_client.get(f"{page}add/").status_code == 403
    assert root_client.post(f"{page}{pk}/change/", {"note": "x"}).status_code == 403
    assert root_client.post(f"{page}{pk}/delete/", {"post": "yes"}).status_code == 403
    assert LedgerEntry.objects.get().note == ""


def test_entries_are_found_by_generation_and_kind(root_client, ada, ledger_driver, now):
    first, second = ledger_driver.reserve(ada, "1.5"), ledger_driver.reserve(ada, "2.5")
    ledger_driver.release(second)
    assert "+1.5" in page_text(root_client.get(ENTRIES_URL))
    filtered_text = page_text(root_client.get(f"{ENTRIES_URL}?q={first}"))
    assert "+1.5" in filtered_text
    assert "+2.5" not in filtered_text
    release_text = page_text(root_client.get(f"{ENTRIES_URL}?kind__exact=release"))
    assert "-2.5" in release_text
    assert "+2.5" not in release_text


def test_an_entry_leads_to_its_generation_where_there_is_a_page(
    root_client, ada, ledger_driver, now
):
    number = ledger_driver.reserve(ada)
    register_usage_source(FakeUsageSource())
    assert f'href="/somewhere/{number}/"' in root_client.get(ENTRIES_URL).content.decode()


def test_the_csv_has_exactly_the_rows_of_the_list(root_client, ada, root, ledger_driver, now):
    root_first = User.objects.create_user("=cmd()")
    number = ledger_driver.reserve(ada, "36")
    ledger_driver.settle(number, "25.7")
    ledger_driver.reserve(root_first, "5")
    address = reverse("admin:credits_entry_csv")
    answer = root_client.get(f"{address}?q={number}")
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode("utf-8-sig"))))
    assert [(r["kind"], r["reserved"], r["charged"]) for r in rows] == [
        ("settle", "-36.0000", "25.7000"),
        ("reserve", "36.0000", "0.0000"),
    ]
    csv_text = b"".join(root_client.get(address)).decode()
    assert "'=cmd()" in csv_text


def test_the_lists_cost_the_same_for_many_rows_as_for_few(
    root_client, ada, ledger_driver, now, django_assert_max_num_queries
):
    for _ in range(12):
        ledger_driver.reserve(ada)
        create_allowance(5, user=User.objects.create_user(f"person{ledger_driver.reserve(ada)}"))
    for page, max_queries in ((ALLOWANCES_URL, 14), (BALANCES_URL, 12), (ENTRIES_URL, 12)):
        with django_assert_max_num_queries(max_queries):
            assert root_client.get(page).status_code == 200


@pytest.mark.parametrize(
    "page",
    [
        ALLOWANCES_URL,
        f"{ALLOWANCES_URL}add/",
        BALANCES_URL,
        ENTRIES_URL,
        f"{ENTRIES_URL}csv/",
        "/admin/credits/ratecard/off/",
    ],
)
def test_only_staff_see_the_money(client, ada, page):
    client.force_login(ada)
    assert client.get(page).status_code == 302
    helper = User.objects.create_user("helper", is_staff=True)
    client.force_login(helper)
    assert client.get(page).status_code == (403 if page.endswith("add/") else 200)


def test_staff_may_read_an_allowance_but_not_change_it(client, ada):
    row = create_allowance(10, user=ada)
    client.force_login(User.objects.create_user("helper", is_staff=True))
    assert client.get(f"{ALLOWANCES_URL}{row.pk}/change/").status_code == 200
    assert client.post(f"{ALLOWANCES_URL}{row.pk}/change/", allowance_form()).status_code == 403
    form_data = {"action": "raise_amounts", "_selected_action": [row.pk], "by": "5"}
    client.post(ALLOWANCES_URL, form_data)
    row.refresh_from_db()
    assert row.credits_limit == 10
