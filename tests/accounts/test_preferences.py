"""A person's own language and appearance, and nobody else's."""

import pytest
from django.test import Client

from evolink_studio.accounts.models import User
from tests.factories import UserFactory
from tests.form_pages import ParsedPage

pytestmark = pytest.mark.django_db
PREFERENCES_URL = "/account/preferences/"


def page_language(client, path="/films/", **headers) -> str:
    return ParsedPage(client.get(path, headers=headers)).find_one("html").get("lang")


def test_people_choose_their_language_and_it_goes_with_them(ada_client, ada):
    assert page_language(ada_client) == "en"
    assert (
        ada_client.post(PREFERENCES_URL, {"language": "de", "theme": "auto"})["Location"]
        == PREFERENCES_URL
    )
    assert page_language(ada_client) == "de"
    other_client = Client()
    other_client.force_login(ada, "django.contrib.auth.backends.ModelBackend")
    assert page_language(other_client, **{"Accept-Language": "en"}) == "de"


def test_without_a_choice_the_browser_decides(ada_client, client):
    assert page_language(ada_client, **{"Accept-Language": "de-AT,en;q=0.5"}) == "de"
    assert page_language(ada_client, **{"Accept-Language": "fi"}) == "en"
    assert page_language(Client(), "/account/login/", **{"Accept-Language": "de"}) == "de"


def test_one_persons_language_is_not_the_next_ones(ada_client, ada):
    """The same process answers both."""
    User.objects.filter(pk=ada.pk).update(language="de")
    other_client = Client()
    other_client.force_login(UserFactory(), "django.contrib.auth.backends.ModelBackend")
    assert [page_language(ada_client), page_language(other_client), page_language(ada_client)] == [
        "de",
        "en",
        "de",
    ]


def test_what_is_said_in_between_knows_that_it_depends_on_the_browser(ada_client):
    answer = ada_client.get("/films/")
    assert "Accept-Language" in answer["Vary"]
    assert answer["Content-Language"] == "en"


def test_the_appearance_is_told_to_the_page(ada_client):
    for theme in ("light", "dark", "auto"):
        ada_client.post(PREFERENCES_URL, {"language": "", "theme": theme})
        page = ParsedPage(ada_client.get(PREFERENCES_URL))
        assert page.find_one("html").get("data-theme") == theme
        (choice,) = [o for o in page.find_all("option") if o.get("selected") is not None][1:]
        assert choice.get("value") == theme


@pytest.mark.parametrize(
    "values",
    [
        {"language": "xx", "theme": "auto"},
        {"language": "de", "theme": "pink"},
        {"language": "de"},
        {},
    ],
)
def test_what_is_not_offered_changes_nothing(ada_client, ada, values):
    assert ada_client.post(PREFERENCES_URL, values).status_code == 200
    ada.refresh_from_db()
    assert (ada.language, ada.theme) == ("", "auto")


def test_nothing_else_about_a_person_can_be_changed_there(ada_client, ada):
    values = {"language": "de", "theme": "dark", "is_superuser": "on", "is_staff": "on"}
    ada_client.post(PREFERENCES_URL, {**values, "username": "root", "id": "1"})
    ada.refresh_from_db()
    assert (ada.language, ada.is_staff, ada.is_superuser, ada.username) == (
        "de",
        False,
        False,
        "ada",
    )


def test_a_language_that_was_taken_away_does_no_harm(ada_client, ada):
    User.objects.filter(pk=ada.pk).update(language="xx")
    assert page_language(ada_client) == "en"
