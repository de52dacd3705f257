"""Who may keep which page, and HEAD at every address of the studio."""

import logging

import pytest
from django.conf import settings
from django.test import Client

from tests.test_access import (
    ACCESS_TABLE,
    METHOD_NOT_ALLOWED,
    client_of,
    expected_status,
    owned_objects,
    send_request,
    url_of,
)

pytestmark = pytest.mark.django_db
__all__ = ["owned_objects"]  # a fixture

POSTERS = {"asset_poster", "asset_small_poster", "asset_large_poster"}
MEDIA_PAGES = {"asset", *POSTERS}
# Its name changes with the film's title; its bytes do not.
NAMED_PAGES = {"asset_download"}
MEDIA_RULE = "private, max-age=86400, immutable"


def directives(response) -> set[str]:
    return {word.strip() for word in response.headers["Cache-Control"].split(",")}


@pytest.mark.parametrize("role", ["owner", "stranger", "anonymous"])
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", ACCESS_TABLE)
def test_no_cache_between_may_keep_a_page_and_no_browser_but_what_it_comes_back_to(
    owned_objects, name, method, role
):
    response = send_request(client_of(role), method, name, owned_objects)
    words = directives(response)
    if response.status_code == 200 and name in MEDIA_PAGES:
        assert response.headers["Cache-Control"] == MEDIA_RULE
        assert "Cookie" in response.headers["Vary"]
    elif (response.status_code == 200 and method == "get" and name in settings.REVISITED_PAGES) or (
        response.status_code == 200 and name in NAMED_PAGES
    ):
        assert words == {"private", "no-cache"}
    elif response.status_code == 200 and name == "manifest":
        assert words == {"private", "max-age=3600"}
    elif name == "live" and response.status_code != 302:
        assert "no-store" in words
    else:
        assert {"private", "no-store"} <= words


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/nowhere/", "/films/999/nowhere/"])
@pytest.mark.parametrize("role", ["staff", "anonymous"])
def test_admin_pages_and_errors_are_kept_by_nobody(path, role):
    assert {"private", "no-store"} <= directives(client_of(role).get(path))


@pytest.mark.parametrize(
    "url", ["/admin/credits/ledgerentry/csv/", "/admin/generations/generation/usage/?as=csv"]
)
def test_exports_are_kept_by_nobody(url):
    response = client_of("staff").get(url)
    assert response.headers["Content-Type"].startswith("text/csv")
    assert {"private", "no-store"} <= directives(response)


def test_whoever_signs_out_takes_what_the_browser_kept_along():
    client = client_of("owner")
    response = client.post("/account/logout/")
    assert response.status_code == 302
    assert response.headers["Clear-Site-Data"] == '"cache"'
    assert "Clear-Site-Data" not in client_of("owner").get("/films/").headers
    assert "Clear-Site-Data" not in Client().get("/account/login/").headers


# --- HEAD -------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["owner", "anonymous"])
@pytest.mark.parametrize("name", ACCESS_TABLE)
def test_head_is_answered_like_get_and_leaves_no_line_in_the_log(owned_objects, name, role, caplog):
    head = client_of(role).head(url_of(name, owned_objects))
    assert head.status_code == expected_head_status(name, role)
    assert head.content == b""
    stderr_filters = settings.LOGGING["filters"]["no_refused_head"]
    lines = [record for record in caplog.records if stderr_filters["callback"](record)]
    quiet = [record for record in lines if record.levelno >= logging.WARNING]
    if head.status_code < 500 and head.status_code not in (404, 410):
        assert quiet == []


def expected_head_status(name: str, role: str) -> int:
    row = ACCESS_TABLE[name]
    if role == "anonymous" and not row.is_public:
        return 302
    return expected_status(name, "get", role)


def test_a_get_that_is_refused_still_has_its_line(owned_objects, caplog):
    names = [name for name, row in ACCESS_TABLE.items() if row.get == METHOD_NOT_ALLOWED]
    send_request(client_of("owner"), "get", names[0], owned_objects)
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert settings.LOGGING["filters"]["no_refused_head"]["callback"](record)
