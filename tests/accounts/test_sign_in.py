"""Signing in and out, and what happens to those who try too often."""

import pytest
from django.test import Client

from evolink_studio import settings as studio
from evolink_studio.accounts.models import User
from tests.accounts.counting_hasher import CountingHasher
from tests.form_pages import ParsedPage

pytestmark = pytest.mark.django_db
SIGN_IN_URL = "/account/login/"


def post_sign_in(client, password="secret", login="ada", **extra):
    return client.post(SIGN_IN_URL, {"login": login, "password": password}, **extra)


@pytest.fixture
def hashed_passwords(settings, ada) -> list[str]:
    """Passwords that were really hashed."""
    settings.PASSWORD_HASHERS = ["tests.accounts.counting_hasher.CountingHasher"]
    CountingHasher.hashed_passwords.clear()
    return CountingHasher.hashed_passwords


@pytest.mark.parametrize("login", ["ada", "ada@example.org", "ADA@example.org"])
def test_people_sign_in_by_name_or_address(client, ada, login):
    assert post_sign_in(client, login=login)["Location"] == "/"
    assert client.get("/films/").status_code == 200


def test_after_signing_in_they_stand_where_they_wanted_to_go(client, ada):
    sign_in_url = client.get("/films/?before=x", follow=False)["Location"]
    answer = client.post(sign_in_url, {"login": "ada", "password": "secret", "next": "/films/"})
    assert answer["Location"] == "/films/"


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_nobody_is_sent_to_another_site(client, ada, to):
    answer = client.post(
        f"{SIGN_IN_URL}?next={to}", {"login": "ada", "password": "secret", "next": to}
    )
    assert "evil" not in answer["Location"]
    assert "javascript" not in answer["Location"]


def error_text(answer) -> str:
    """What the page says is wrong, with the names given taken out."""
    page = ParsedPage(answer)
    return " ".join("".join(e.itertext()) for e in page.find_all("p[@role='alert']"))


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(client, ada):
    wrong_password, unknown_user = (
        post_sign_in(client, "wrong"),
        post_sign_in(client, "wrong", "nobody"),
    )
    assert error_text(wrong_password) == error_text(unknown_user) != ""
    assert wrong_password.status_code == unknown_user.status_code == 200
    assert "wrong" not in ParsedPage(wrong_password).text


def test_a_name_that_is_unknown_takes_as_long_as_one_that_is_known(client, ada, hashed_passwords):
    post_sign_in(client, "wrong", "nobody")
    assert len(hashed_passwords) >= 1


def test_who_tries_too_often_is_stopped_before_a_password_is_hashed(client, ada, hashed_passwords):
    for number in range(5):
        post_sign_in(client, f"wrong-{number}")
    hash_count = len(hashed_passwords)
    answers = [post_sign_in(client, f"wrong-{number}") for number in range(20)]
    assert len(hashed_passwords) == hash_count
    assert all("Too many" in ParsedPage(answer).text for answer in answers)


def test_a_stranger_who_tries_cannot_keep_its_owner_out(client, ada):
    addresses = [f"198.51.100.{number}" for number in range(9)]
    for address in addresses:
        for guess in range(7):
            post_sign_in(Client(), f"guess-{guess}", REMOTE_ADDR=address)
    assert "Too many" in ParsedPage(post_sign_in(Client(), "wrong", REMOTE_ADDR=addresses[0])).text
    assert post_sign_in(client, REMOTE_ADDR="203.0.113.7")["Location"] == "/"


def test_who_tries_many_names_from_one_address_is_stopped_too(client, ada, hashed_passwords):
    for number in range(10):
        post_sign_in(client, "wrong", f"name-{number}")
    hash_count = len(hashed_passwords)
    answer = post_sign_in(client, "secret", "ada")
    assert len(hashed_passwords) == hash_count
    assert answer.status_code == 200


def test_an_address_that_is_only_claimed_does_not_help(client, ada, hashed_passwords):
    for number in range(12):
        post_sign_in(
            client, "wrong", f"name-{number}", headers={"X-Forwarded-For": f"10.0.0.{number}"}
        )
    hash_count = len(hashed_passwords)
    post_sign_in(client, "wrong", "another", headers={"X-Forwarded-For": "10.9.9.9"})
    assert len(hashed_passwords) == hash_count


def test_somebody_switched_off_does_not_come_in(client, ada):
    User.objects.update(is_active=False)
    post_sign_in(client)
    assert client.get("/films/").status_code == 302


def test_switching_somebody_off_ends_their_session(ada_client):
    assert ada_client.get("/films/").status_code == 200
    User.objects.update(is_active=False)
    assert ada_client.get("/films/").status_code == 302


def test_nobody_signs_up_by_themselves(client):
    for path in ("/account/signup/", "/accounts/signup/", "/signup/"):
        assert client.get(path).status_code == 404
        assert client.post(path, {"username": "eve"}).status_code == 404
    assert not User.objects.exists()


def test_signing_out_is_a_press_and_no_link(ada_client):
    assert ada_client.get("/account/logout/").status_code == 200
    assert ada_client.get("/films/").status_code == 200
    assert ada_client.post("/account/logout/")["Location"].startswith(SIGN_IN_URL)
    assert ada_client.get("/films/").status_code == 302


def test_an_old_session_is_worth_nothing_after_signing_out(ada_client):
    stolen_client = Client()
    stolen_client.cookies["sessionid"] = ada_client.cookies["sessionid"].value
    assert stolen_client.get("/films/").status_code == 200
    ada_client.post("/account/logout/")
    assert stolen_client.get("/films/").status_code == 302


def test_a_session_planted_before_signing_in_is_worth_nothing_after(client, ada):
    client.get(SIGN_IN_URL)
    client.session["seen"] = 1
    planted_key = client.session.session_key
    post_sign_in(client)
    assert client.session.session_key != planted_key


def test_the_session_is_out_of_reach_for_scripts_and_other_sites(client, ada):
    cookie = post_sign_in(client).cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert int(cookie["max-age"]) == 14 * 24 * 3600


# --- passwords --------------------------------------------------------------------------------


def post_password_change(client, old, new, repeated=None):
    data = {"oldpassword": old, "password1": new, "password2": repeated or new}
    return client.post("/account/password/", data)


def test_a_password_is_changed_with_the_old_one(ada_client, ada):
    assert post_password_change(ada_client, "secret", "a-much-better-one").status_code == 302
    ada.refresh_from_db()
    assert ada.check_password("a-much-better-one")


def test_changing_it_ends_every_other_session(ada_client, ada):
    other_client = Client()
    other_client.force_login(ada, "django.contrib.auth.backends.ModelBackend")
    post_password_change(ada_client, "secret", "a-much-better-one")
    assert other_client.get("/films/").status_code == 302


@pytest.mark.parametrize(
    ("old", "new", "repeated"),
    [
        ("wrong", "a-much-better-one", None),
        ("secret", "short", None),
        ("secret", "password", None),
        ("secret", "12345678901", None),
        ("secret", "ada@example.org", None),
        ("secret", "a-much-better-one", "another"),
    ],
)
def test_an_invalid_password_change_changes_nothing(ada_client, ada, old, new, repeated):
    answer = post_password_change(ada_client, old, new, repeated)
    assert answer.status_code == 200
    ada.refresh_from_db()
    assert ada.check_password("secret")
    assert ParsedPage(answer).control_value("password1") == ""


def test_who_came_by_a_link_sets_a_first_password(ada_client, ada):
    ada.set_unusable_password()
    ada.save()
    ada_client.force_login(ada, "django.contrib.auth.backends.ModelBackend")
    assert ada_client.get("/account/password/")["Location"] == "/account/password/set/"
    data = {"password1": "a-much-better-one", "password2": "a-much-better-one"}
    assert ada_client.post("/account/password/set/", data).status_code == 302
    ada.refresh_from_db()
    assert ada.check_password("a-much-better-one")


def test_a_forgotten_password_is_a_matter_for_the_owner(client, ada):
    assert "Ask the owner" in ParsedPage(client.get("/account/password/reset/")).text
    for email in ("ada@example.org", "nobody@example.org"):
        assert client.post("/account/password/reset/", {"email": email}).status_code == 405


def test_passwords_are_hashed_with_argon2_in_bounded_memory(settings):
    settings.PASSWORD_HASHERS = studio.PASSWORD_HASHERS
    user = User.objects.create_user("argon", password="secret")
    assert user.password.startswith("argon2$argon2id$")
    assert "m=19456,t=2,p=1" in user.password
    assert user.check_password("secret")
