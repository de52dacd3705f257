"""A person's own language and appearance, and nobody else's."""

import pytest
from django.test import Client

from evolink_studio.accounts.models import User
from tests.factories import UserFactory
from tests.page import Page

pytestmark = pytest.mark.django_db
PATH = "/account/preferences/"


def language(client, path="/films/", **headers) -> str:
    return Page(client.get(path, headers=headers)).one("html").get("lang")


def test_people_choose_their_language_and_it_goes_with_them(tab, ada):
    assert language(tab) == "en"
    assert tab.post(PATH, {"language": "de", "theme": "auto"})["Location"] == PATH
    assert language(tab) == "de"
    another = Client()
    another.force_login(ada, "django.contrib.auth.backends.ModelBackend")
    assert language(another, **{"Accept-Language": "en"}) == "de"


def test_without_a_choice_the_browser_decides(tab, client):
    assert language(tab, **{"Accept-Language": "de-AT,en;q=0.5"}) == "de"
    assert language(tab, **{"Accept-Language": "fi"}) == "en"
    assert language(Client(), "/account/login/", **{"Accept-Language": "de"}) == "de"


def test_one_persons_language_is_not_the_next_ones(tab, ada):
    """The same process answers both."""
    User.objects.filter(pk=ada.pk).update(language="de")
    other = Client()
    other.force_login(UserFactory(), "django.contrib.auth.backends.ModelBackend")
    assert [language(tab), language(other), language(tab)] == ["de", "en", "de"]


def test_what_is_said_in_between_knows_that_it_depends_on_the_browser(tab):
    answer = tab.get("/films/")
    assert "Accept-Language" in answer["Vary"]
    assert answer["Content-Language"] == "en"


def test_the_appearance_is_told_to_the_page(tab):
    for theme in ("light", "dark", "auto"):
        tab.post(PATH, {"language": "", "theme": theme})
        page = Page(tab.get(PATH))
        assert page.one("html").get("data-theme") == theme
        (chosen,) = [o for o in page.all("option") if o.get("selected") is not None][1:]
        assert chosen.get("value") == theme


@pytest.mark.parametrize(
    "wish",
    [
        {"language": "xx", "theme": "auto"},
        {"language": "de", "theme": "pink"},
        {"language": "de"},
        {},
    ],
)
def test_what_is_not_offered_changes_nothing(tab, ada, wish):
    assert tab.post(PATH, wish).status_code == 200
    ada.refresh_from_db()
    assert (ada.language, ada.theme) == ("", "auto")


def test_nothing_else_about_a_person_can_be_changed_there(tab, ada):
    wish = {"language": "de", "theme": "dark", "is_superuser": "on", "is_staff": "on"}
    tab.post(PATH, {**wish, "username": "root", "id": "1"})
    ada.refresh_from_db()
    assert (ada.language, ada.is_staff, ada.is_superuser, ada.username) == (
        "de",
        False,
        False,
        "ada",
    )


def test_a_language_that_was_taken_away_does_no_harm(tab, ada):
    User.objects.filter(pk=ada.pk).update(language="xx")
    assert language(tab) == "en"
