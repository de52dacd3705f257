"""Which page may run what. `unsafe-eval` is for admin pages, while their theme needs it."""

from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from tests.test_access import ACCESS_TABLE, client_of, owned_objects, send_request

pytestmark = pytest.mark.django_db
__all__ = ["owned_objects"]  # a fixture


def policy_of(response) -> dict[str, list[str]]:
    header = response.headers["Content-Security-Policy"]
    return {name: values for name, *values in (part.split() for part in header.split(";"))}


@pytest.mark.parametrize("role", ["owner", "anonymous"])
@pytest.mark.parametrize("name", ACCESS_TABLE)
def test_no_page_of_the_studio_evaluates_text_or_takes_scripts_from_elsewhere(
    owned_objects, name, role
):
    policy = policy_of(send_request(client_of(role), "get", name, owned_objects))
    if "sandbox" in policy:  # a file that was opened
        assert "allow-scripts" not in policy["sandbox"]
        assert "script-src" not in policy
    else:
        assert policy["script-src"] == ["'self'"]
        assert policy["style-src"] == ["'self'"]
    assert policy["default-src"] == ["'none'"]


def test_admin_pages_take_scripts_from_nowhere_else_either():
    policy = policy_of(client_of("staff").get("/admin/"))
    assert policy["script-src"] == ["'self'", "'unsafe-eval'"]
    assert policy["default-src"] == ["'none'"]
    assert "'unsafe-inline'" not in policy["script-src"]


def test_a_page_that_only_looks_like_an_admin_page_has_the_strict_policy():
    assert policy_of(Client().get("/administration/"))["script-src"] == ["'self'"]


def test_unsafe_eval_stays_only_while_the_theme_evaluates_text():
    """Fails once unfold ships Alpine's build for strict policies: then take it out."""
    path = finders.find("unfold/js/alpine/alpine.js")
    assert isinstance(path, str)
    assert "Object.getPrototypeOf(async function(){}).constructor" in Path(path).read_text("utf-8")
