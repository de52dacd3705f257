"""What the search of the admin lists finds."""

from decimal import Decimal

import pytest

from evolink_studio.accounts.services import create_sign_in_link
from evolink_studio.credits.models import LedgerEntry
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from tests.factories import NOW, AssetFactory, GenerationFactory, UserFactory
from tests.generations.admin.conftest import GENERATIONS_URL
from tests.generations.admin.test_corrections import create_settled_generation

USERS_URL = "/admin/accounts/user/"


def search(client, text: str, url: str = GENERATIONS_URL) -> set[int]:
    return {row.pk for row in client.get(url, {"q": text}).context["cl"].result_list}


@pytest.fixture
def generation(db) -> Generation:
    ada = UserFactory(
        username="ada", first_name="Ada", last_name="Çelik", email="countess@example.org"
    )
    return GenerationFactory(
        pk=246, owner=ada, state=State.RUNNING, task_id="task-unified-1-Abc", prompt="Großer ÄRGER"
    )


@pytest.mark.parametrize(
    "text",
    [
        *("#246", "246", " 246 ", "ada", "ADA", "Ada Çelik", "ÇELIK", "çelik ada"),
        *("countess@example.org", "COUNTESS", "task-unified-1-Abc", "task-unified-1"),
        *("ärger", "ÄRGER", "Ärger", "A\u0308RGER", "GROSSER", "großer ärger", '"großer ärger"'),
        *("ada ärger", "#246 ärger"),
    ],
)
def test_a_generation_is_found_by_number_person_task_and_words(staff_client, generation, text):
    GenerationFactory(pk=7, prompt="A quiet lake", state=State.RUNNING)
    assert search(staff_client, text) == {246}


@pytest.mark.parametrize(
    "text", ["#24", "ärger lake", '"ärger großer"', "#" * 40, "9" * 30, "%", "_"]
)
def test_what_does_not_fit_is_not_found(staff_client, generation, text):
    assert search(staff_client, text) == set()


@pytest.mark.parametrize("text", ["a\0b", " ".join("abcdefghijklmnopqrstuvwxyz")])
def test_a_search_that_nobody_means_gives_a_page_and_no_error(staff_client, generation, text):
    assert staff_client.get(GENERATIONS_URL, {"q": text}).status_code in (200, 302)


@pytest.mark.parametrize("text", ["Çelik", "çelik", "COUNTESS", "ada çelik"])
def test_a_person_is_found_whatever_the_case(staff_client, generation, text):
    UserFactory(username="bob")
    assert search(staff_client, text, USERS_URL) == {generation.owner_id}


@pytest.mark.parametrize("text", ["person3", "PERSON3", "three@example.org"])
def test_a_user_name_or_an_address_in_full_means_this_person_alone(staff_client, text):
    person = UserFactory(username="person3", email="three@example.org")
    found = GenerationFactory(owner=person)
    for number in range(30, 55):
        name = f"person{number}"
        GenerationFactory(owner=UserFactory(username=name, email=f"the-{text.lower()}.{name}"))
    assert search(staff_client, text) == {found.pk}
    assert len(search(staff_client, "person")) == 26


def test_a_name_in_full_is_found_in_prompts_too(staff_client):
    found = [
        GenerationFactory(owner=UserFactory(username="cat"), prompt="a dog"),
        GenerationFactory(owner=UserFactory(username="bob"), prompt="a cat"),
    ]
    GenerationFactory(owner=UserFactory(username="catherine"), prompt="a dog")
    assert search(staff_client, "cat") == {row.pk for row in found}


def test_a_number_is_a_task_id_first(staff_client):
    GenerationFactory(pk=8123)
    named = GenerationFactory(pk=9, task_id="8123", state=State.RUNNING)
    assert search(staff_client, "8123") == {named.pk}


@pytest.mark.parametrize("query", [{}, {"q": "nothing-like-this"}, {"state__exact": "failed"}])
def test_an_empty_list_offers_to_reset_what_was_chosen_and_to_create_nothing(staff_client, query):
    page = staff_client.get(GENERATIONS_URL, query).content.decode()
    assert "No results found" in page
    assert "Create a new item" not in page
    assert ("Reset filters" in page) == bool(query)


def test_a_file_is_found_whatever_the_case(staff_client):
    asset = AssetFactory(name="Übermut.png")
    AssetFactory(name="other.png")
    assert search(staff_client, "ÜBERMUT", "/admin/library/asset/") == {asset.pk}


@pytest.mark.parametrize("sign", ["", "#"])
def test_the_book_is_searched_by_the_number_of_a_generation(staff_client, sign):
    generation = create_settled_generation()
    create_settled_generation()
    expected = set(
        LedgerEntry.objects.filter(generation_id=generation.pk).values_list("pk", flat=True)
    )
    url = "/admin/credits/ledgerentry/"
    assert search(staff_client, f"{sign}{generation.pk}", url) == expected


def test_the_list_shows_prompt_and_failure_reason(staff_client):
    GenerationFactory(
        state=State.FAILED,
        prompt="A long tale. " * 40,
        error_code="content_policy_violation",
        credits_charged=Decimal(0),
    )
    page = staff_client.get(GENERATIONS_URL).content.decode()
    assert "A long tale. A long tale." in page
    assert "A long tale. " * 40 not in page
    assert "against EvoLink&#x27;s content policy" in page


def test_a_prompt_that_is_stored_in_bulk_is_found_too(staff_client):
    rows = Generation.objects.bulk_create(
        [GenerationFactory.build(owner=UserFactory(), prompt="ÖL")]
    )
    assert search(staff_client, "öl") == {rows[0].pk}


@pytest.mark.parametrize("text", ["çelik", "ÇELIK", "Çelik"])
@pytest.mark.parametrize("page", ["signinlink", "securityevent"])
def test_who_came_in_is_found_whatever_the_case(owner_client, page, text):
    create_sign_in_link(user=UserFactory(username="Çelik"), now=NOW)
    create_sign_in_link(user=UserFactory(username="bob"), now=NOW)
    rows = owner_client.get(f"/admin/accounts/{page}/", {"q": text}).context["cl"].result_list
    assert [row.user.username for row in rows] == ["Çelik"]


def test_the_book_is_searched_by_a_person_too(staff_client):
    generation = create_settled_generation()
    create_settled_generation()
    generation.owner.first_name = "Çelik"
    generation.owner.save()
    expected = set(
        LedgerEntry.objects.filter(balance__user=generation.owner).values_list("pk", flat=True)
    )
    assert expected
    assert search(staff_client, "çelik", "/admin/credits/ledgerentry/") == expected
