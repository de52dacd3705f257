"""Messages at the fields of the sign-in pages, and to those who try too often."""

import pytest

from tests.form_pages import ParsedPage, element_text

pytestmark = pytest.mark.django_db
PASSWORD_URL = "/account/password/"


def label_texts(page) -> list[str]:
    return [element_text(label) for label in page.find_all("label")]


def test_the_sign_in_page_asks_for_a_name_or_an_address_and_says_it_once(client):
    page = ParsedPage(client.get("/account/login/"))
    assert label_texts(page) == ["User name or email address", "Password"]
    hints = [
        field.get("placeholder") for n in ("login", "password") for field in page.find_controls(n)
    ]
    assert hints == [None, None]


def test_a_new_password_is_asked_for_in_our_words(ada_client):
    page = ParsedPage(ada_client.get(PASSWORD_URL))
    assert label_texts(page) == ["Password until now", "New password", "New password, once more"]


def test_a_wrong_old_password_changes_nothing_and_stands_at_its_field(ada_client, ada):
    passwords = {"oldpassword": "wrong", "password1": "a-new-secret", "password2": "a-new-secret"}
    page = ParsedPage(ada_client.post(PASSWORD_URL, passwords))
    assert element_text(page.find_one("p[@id='id_oldpassword_error']"))
    ada.refresh_from_db()
    assert ada.check_password("secret")


@pytest.mark.parametrize(("language", "title"), [("en", "Too many attempts"), ("de", None)])
def test_who_tries_too_often_gets_a_page_of_the_studio(ada_client, language, title):
    headers = {"accept-language": language}
    passwords = {"oldpassword": "x", "password1": "y", "password2": "z"}
    answers = [ada_client.post(PASSWORD_URL, passwords, headers=headers) for _ in range(10)]
    assert answers[-1].status_code == 429
    page = ParsedPage(answers[-1])
    assert page.find_one("html").get("lang") == language
    assert element_text(page.find_one("h1"))
    assert title in (None, element_text(page.find_one("h1")))
    assert page.find_all("nav")
