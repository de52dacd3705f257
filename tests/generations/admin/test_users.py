"""People in the admin pages."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.test import Client

from evolink_studio.accounts.models import SignInLink, User
from evolink_studio.credits import ledger
from evolink_studio.credits.models import Allowance
from evolink_studio.generations.states import State
from tests.factories import NOW, GenerationFactory, UserFactory
from tests.generations.admin.conftest import GENERATIONS_URL

USERS_URL = "/admin/accounts/user/"
SIGN_IN_LINK_PATTERN = re.compile(r'value="(https?://[^"]*/account/welcome/[^"]+)"')


def post_make_link(browser, *users):
    data = {"action": "make_sign_in_link", "_selected_action": [p.pk for p in users]}
    return browser.post(USERS_URL, data, follow=True)


def test_a_sign_in_link_is_shown_once_and_signs_that_person_in(owner_client):
    ada = UserFactory(username="ada")
    answer = post_make_link(owner_client, ada)
    link = SIGN_IN_LINK_PATTERN.search(answer.content.decode())
    assert link
    assert "no-store" in answer.headers["Cache-Control"]
    assert link[1].startswith("http://testserver/")
    assert not SIGN_IN_LINK_PATTERN.search(
        owner_client.get(f"{USERS_URL}{ada.pk}/change/").content.decode()
    )
    browser = Client()
    assert browser.get(link[1]).status_code == 200
    browser.post(link[1])
    assert browser.session["_auth_user_id"] == str(ada.pk)
    assert Client().get(link[1]).status_code == 410


def test_a_link_bears_the_public_address_where_there_is_one(owner_client, settings):
    settings.PUBLIC_URL = "https://studio.example.org"
    link = SIGN_IN_LINK_PATTERN.search(post_make_link(owner_client, UserFactory()).content.decode())
    assert link
    assert link[1].startswith("https://studio.example.org/account/welcome/")


def test_making_a_link_stands_in_the_history_without_the_link(owner_client):
    ada = UserFactory(username="ada")
    link = SIGN_IN_LINK_PATTERN.search(post_make_link(owner_client, ada).content.decode())
    history = owner_client.get(f"{USERS_URL}{ada.pk}/history/").content.decode()
    assert "One-time sign-in link made." in history
    assert link
    assert link[1].rsplit("/", 2)[1] not in history


def test_staff_who_are_not_the_owner_make_no_links(staff_client):
    ada = UserFactory(username="ada", owner=True)
    post_make_link(staff_client, ada)
    assert not SignInLink.objects.exists()
    assert "make_sign_in_link" not in staff_client.get(USERS_URL).content.decode()
    assert (
        "make_sign_in_link" not in staff_client.get(f"{USERS_URL}{ada.pk}/change/").content.decode()
    )


def test_a_person_who_is_switched_off_gets_no_link(owner_client):
    answer = post_make_link(owner_client, UserFactory(is_active=False))
    assert "a person who is switched off cannot sign in" in answer.content.decode()
    assert not SignInLink.objects.exists()


def test_links_for_many_people_at_once_are_refused(owner_client):
    answer = post_make_link(owner_client, *[UserFactory() for _number in range(21)])
    assert "at most 20 people" in answer.content.decode()
    assert not SignInLink.objects.exists()


def test_the_list_counts_generations_and_the_charges_of_this_month(staff_client):
    ada = UserFactory(username="ada")
    with time_machine.travel(NOW, tick=False):
        GenerationFactory(owner=ada, state=State.COMPLETED, credits_charged=Decimal("25.7"))
        GenerationFactory(
            owner=ada,
            state=State.COMPLETED,
            credits_charged=99,
            created_at=NOW - timedelta(days=30),
        )
        page = staff_client.get(USERS_URL).content.decode()
    row = page[page.index(f'href="{USERS_URL}{ada.pk}/change/') :]
    row = row[: row.index("</tr>")]
    assert f'href="{GENERATIONS_URL}?owner__id__exact={ada.pk}">2</a>' in row
    assert "25.7" in row


def read_list_row(browser, user) -> dict[str, str]:
    """What the list says of one person, by column."""
    page = browser.get(USERS_URL).content.decode()
    row = page[page.index(f'href="{USERS_URL}{user.pk}/change/') :]
    cells = re.findall(
        r'class="[^"]*field-(\w+)[^"]*"[^>]*>(.*?)</td>', row[: row.index("</tr>")], re.S
    )
    return {name: " ".join(re.sub(r"<[^>]+>", " ", cell).split()) for name, cell in cells}


ALLOWANCE_COLUMNS = (
    "spending_limit",
    "used_credits",
    "reserved_credits",
    "remaining_credits",
    "next_reset",
    "max_concurrent",
)


def test_the_list_says_what_each_may_spend_and_what_is_left(staff_client):
    ada, ben, cleo = (UserFactory(username=name) for name in ("ada", "ben", "cleo"))
    Allowance.objects.update(is_active=False)
    Allowance.objects.create(user=ada, credits_limit=100, max_concurrent=3)
    films = Group.objects.create(name="Films")
    films.user_set.add(ada, ben)
    Allowance.objects.create(
        group=films, is_shared=True, credits_limit=300, period="day", max_concurrent=2
    )
    with time_machine.travel(NOW, tick=False):
        for number, amount in ((1, "10"), (2, "30.5")):
            facts = {"generation_id": number, "now": NOW}
            ledger.reserve(user=ada, model_id="veo3.1-pro", amount=Decimal(amount), **facts)
        ledger.settle(generation_id=1, charged=Decimal("12.5"), now=NOW)
        rows = [read_list_row(staff_client, user) for user in (ada, ben, cleo)]
    assert [tuple(row[name] for name in ALLOWANCE_COLUMNS) for row in rows] == [
        ("100 a month", "12.5", "30.5", "57", "1 Dec 2026", "2"),
        ("300 a day", "12.5", "30.5", "257", "21 Nov 2026", "2"),
        ("nothing", "–", "–", "–", "–", "–"),
    ]


def test_who_has_no_limit_is_listed_with_what_they_used(staff_client):
    ada = UserFactory(username="ada")
    with time_machine.travel(NOW, tick=False):
        facts = {"model_id": "veo3.1-pro", "amount": Decimal(30), "now": NOW}
        ledger.reserve(generation_id=1, user=ada, **facts)
        row = read_list_row(staff_client, ada)
    assert [row[name] for name in ALLOWANCE_COLUMNS] == ["no limit", "0", "30", "–", "–", "–"]


def test_thirty_people_take_as_many_queries_as_five(staff_client, django_assert_max_num_queries):
    def count() -> int:
        with django_assert_max_num_queries(20) as queries:
            assert staff_client.get(USERS_URL).status_code == 200
        return len(queries)

    def create_some(number: int) -> None:
        for _number in range(number):
            Allowance.objects.create(user=GenerationFactory().owner, credits_limit=5)

    create_some(5)
    five_count = count()
    create_some(25)
    assert count() == five_count


@pytest.mark.parametrize(("language", "is_stored"), [("de", True), ("xx", False)])
def test_a_language_is_chosen_from_those_there_are(owner_client, language, is_stored):
    ada = UserFactory(username="ada")
    answer = owner_client.post(
        f"{USERS_URL}{ada.pk}/change/",
        {"username": "ada", "is_active": "on", "language": language, "theme": "auto"},
    )
    ada.refresh_from_db()
    assert (answer.status_code == 302) == is_stored
    assert ada.language == (language if is_stored else "")


def test_staff_cannot_make_themselves_the_owner(staff_client):
    sam = User.objects.get(username="sam")
    answer = staff_client.post(
        f"{USERS_URL}{sam.pk}/change/", {"username": "sam", "is_superuser": "on", "is_staff": "on"}
    )
    assert answer.status_code == 403
    sam.refresh_from_db()
    assert not sam.is_superuser


def test_a_person_is_found_for_the_filter_of_generations(staff_client):
    ada = UserFactory(username="ada")
    answer = staff_client.get(
        "/admin/autocomplete/?app_label=generations&model_name=generation&field_name=owner&term=ad"
    )
    assert answer.json()["results"] == [{"id": str(ada.pk), "text": "ada"}]
