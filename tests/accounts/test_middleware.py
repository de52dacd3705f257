"""What every answer says about what its page may do, and fragments after a session ended."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client

from evolink_studio.accounts.middleware import TIME_ZONE_COOKIE
from evolink_studio.generations.models import Generation
from tests.factories import VEO, GenerationFactory, UserFactory
from tests.form_pages import ParsedPage

pytestmark = pytest.mark.django_db

PAGE_URLS = [
    "/",
    f"/create/{VEO}/",
    "/films/",
    "/live/",
    "/library/picker",
    "/account/login/",
    "/account/logout/",
    "/account/inactive/",
    "/account/password/",
    "/account/password/reset/",
    "/account/preferences/",
    "/account/welcome/spent/",
    "/no/such/page/",
]


def parse_policy(answer) -> dict[str, set[str]]:
    parts = (part.split() for part in answer["Content-Security-Policy"].split(";"))
    return {name: set(values) for name, *values in parts}


def signed_in_client(**traits) -> Client:
    client = Client()
    client.force_login(UserFactory(**traits), "django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("path", PAGE_URLS)
def test_no_page_runs_what_does_not_come_from_us(path):
    for client in (Client(), signed_in_client()):
        policy = parse_policy(client.get(path))
        assert policy["default-src"] == {"'none'"}
        assert policy["script-src"] == policy["style-src"] == {"'self'"}
        assert policy["base-uri"] == policy["frame-ancestors"] == {"'none'"}
        assert policy["form-action"] == {"'self'"}
        all_sources = {value for values in policy.values() for value in values}
        assert not [value for value in all_sources if "unsafe" in value or "*" in value]
        assert "object-src" not in policy


def test_an_error_and_a_refusal_are_as_strict(ada_client):
    response = Client(enforce_csrf_checks=True).post("/account/login/")
    assert response.status_code == 403
    assert parse_policy(response)["script-src"] == {"'self'"}


def test_the_admin_pages_have_exactly_the_exception_they_need():
    owner = signed_in_client(owner=True)
    admin_policy, films_policy = (
        parse_policy(owner.get("/admin/")),
        parse_policy(owner.get("/films/")),
    )
    assert admin_policy["script-src"] == {"'self'", "'unsafe-eval'"}
    assert admin_policy["style-src"] == {"'self'", "'unsafe-inline'"}
    for name in films_policy.keys() - {"script-src", "style-src"}:
        assert admin_policy[name] == films_policy[name]
    assert admin_policy.keys() == films_policy.keys()


def test_a_url_that_only_resembles_an_admin_url_has_no_exception():
    owner = signed_in_client(owner=True)
    for path in ("/adminx/", "/films/admin/", "/create/admin/", "/Admin/"):
        assert parse_policy(owner.get(path))["script-src"] == {"'self'"}


INLINE_CODE_PATTERNS = [
    r"<script(?![^>]*\bsrc=)",
    r"<style\b",
    r"\sstyle=",
    r"\son[a-z]+=",
    r"javascript:",
]


@pytest.mark.parametrize("path", PAGE_URLS)
def test_no_page_brings_script_or_style_inside_of_itself(path):
    client = signed_in_client()
    for state in ("queued", "running", "completed", "failed"):
        GenerationFactory(owner_id=client.session["_auth_user_id"], state=state)
    text = client.get(path).content.decode()
    for pattern in INLINE_CODE_PATTERNS:
        assert not re.search(pattern, text, re.IGNORECASE), pattern


@pytest.mark.parametrize("path", PAGE_URLS)
def test_every_answer_says_what_browsers_must_not_guess(path):
    answer = signed_in_client().get(path)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"


def test_every_page_has_one_heading(ada_client):
    for path in PAGE_URLS:
        text = ada_client.get(path, follow=True).content.decode()
        if "<html" in text:
            assert len(re.findall(r"<h1[\s>]", text)) == 1, path


# --- a session that ended ---------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_fragment_after_the_session_ended_redirects_the_whole_page_to_sign_in(ada_client, method):
    ada_client.logout()
    answer = getattr(ada_client, method)(f"/create/{VEO}/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["HX-Redirect"] == "/account/login/"


@pytest.mark.parametrize(
    ("current_url", "sign_in_url"),
    [
        (
            f"http://testserver/create/{VEO}/?show=7",
            f"/account/login/?next=/create/{VEO}/%3Fshow%3D7",
        ),
        ("https://elsewhere.test/create/", "/account/login/"),
        ("http://[", "/account/login/"),
    ],
)
def test_signing_in_leads_back_to_the_page_that_asked(ada_client, current_url, sign_in_url):
    ada_client.logout()
    headers = {"HX-Request": "true", "HX-Current-URL": current_url}
    assert ada_client.get("/live/", headers=headers)["HX-Redirect"] == sign_in_url


def test_a_page_after_the_session_ended_leads_there_and_back(ada_client):
    ada_client.logout()
    assert ada_client.get("/films/")["Location"] == "/account/login/?next=/films/"


def test_other_ways_of_a_fragment_are_left_alone(ada_client):
    answer = ada_client.get("/", headers={"HX-Request": "true"})
    assert answer.status_code == 302
    assert "HX-Redirect" not in answer


HTML_HEADERS = {"accept": "text/html,*/*"}


def test_a_form_sent_without_scripts_after_the_session_ended_came_to_nothing(ada_client):
    client = Client()
    words = "You are signed out, so nothing was sent."
    answer = client.post("/generations/1/cancel/", headers=HTML_HEADERS)
    assert answer.status_code == 302
    assert words in client.get(answer["Location"]).content.decode()
    signed_out = ada_client.post("/account/logout/", headers=HTML_HEADERS, follow=True)
    assert words not in signed_out.content.decode()


def test_a_film_form_sent_without_scripts_after_the_session_ended_is_kept(client, ada):
    fields = {"prompt": "A <b>cat</b>", "shots-0-prompt": "One", "form_key": "k"}
    answer = client.post("/create/veo3.1-pro/", fields, headers=HTML_HEADERS)
    page = ParsedPage(answer)
    assert answer.status_code == 403
    assert "Nothing was sent and nothing was charged" in answer.content.decode()
    assert page.find_one("form[@action='/create/veo3.1-pro/refresh/']") is not None
    for name, value in fields.items():
        assert page.find_one(f"input[@name='{name}']").get("value") == value
    client.force_login(ada)
    opened = ParsedPage(client.post("/create/veo3.1-pro/refresh/", fields, headers=HTML_HEADERS))
    assert opened.control_value("prompt") == fields["prompt"]
    assert not Generation.objects.exists()


def test_admin_pages_show_the_days_by_which_money_is_counted():
    client = signed_in_client(owner=True)
    made_at = datetime(2026, 1, 14, 23, 30, tzinfo=UTC)
    generation = GenerationFactory(created_at=made_at)
    client.cookies[TIME_ZONE_COOKIE] = "Europe/Berlin"
    page = client.get(f"/admin/generations/generation/?q={generation.pk}").content.decode()
    assert "14 Jan 2026" in page
    assert "15 Jan 2026" not in page
