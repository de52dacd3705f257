"""What stands at the fields of the door, and what is said to who tries too often."""

import pytest

from tests.page import Page, words

pytestmark = pytest.mark.django_db
CHANGE = "/account/password/"


def labels(page) -> list[str]:
    return [words(label) for label in page.all("label")]


def test_the_door_asks_for_a_name_or_an_address_and_says_it_once(client):
    page = Page(client.get("/account/login/"))
    assert labels(page) == ["User name or email address", "Password"]
    hints = [field.get("placeholder") for n in ("login", "password") for field in page.named(n)]
    assert hints == [None, None]


def test_a_new_password_is_asked_for_in_our_words(tab):
    page = Page(tab.get(CHANGE))
    assert labels(page) == ["Password until now", "New password", "New password, once more"]


def test_a_wrong_old_password_changes_nothing_and_stands_at_its_field(tab, ada):
    wish = {"oldpassword": "wrong", "password1": "a-new-secret", "password2": "a-new-secret"}
    page = Page(tab.post(CHANGE, wish))
    assert words(page.one("p[@id='id_oldpassword_error']"))
    ada.refresh_from_db()
    assert ada.check_password("secret")


@pytest.mark.parametrize(("language", "title"), [("en", "Too many attempts"), ("de", None)])
def test_who_tries_too_often_gets_a_page_of_the_studio(tab, language, title):
    said = {"accept-language": language}
    wish = {"oldpassword": "x", "password1": "y", "password2": "z"}
    answers = [tab.post(CHANGE, wish, headers=said) for _ in range(10)]
    assert answers[-1].status_code == 429
    page = Page(answers[-1])
    assert page.one("html").get("lang") == language
    assert words(page.one("h1"))
    assert title in (None, words(page.one("h1")))
    assert page.all("nav")
