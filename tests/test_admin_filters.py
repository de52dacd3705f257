"""No list of the admin pages can be asked about what it does not show: secrets are not guessed."""

import importlib

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from tests.factories import GenerationFactory, UserFactory

pytestmark = pytest.mark.django_db

importlib.import_module("evolink_studio.urls")  # registers the admin pages
# The jobs of the queue on PostgreSQL show every column they have, and lead to no table of ours.
MODEL_ADMINS = sorted(
    (it for it in admin.site._registry.values() if it.opts.app_label != "procrastinate"),
    key=lambda it: it.opts.label_lower,
)
# Words of names that no list may be filtered by, however far away the field is.
SECRET_WORDS = ("password", "token", "stamp", "session", "secret", "hash", "sha256", "reply")


@pytest.fixture
def client() -> Client:
    """Staff with every permission."""
    sam = UserFactory(staff=True, username="sam")
    sam.user_permissions.set(Permission.objects.all())
    client = Client()
    client.force_login(sam)
    return client


def list_lookups(model, depth: int = 3, prefix: str = "") -> list[str]:
    """Every path of at most `depth` fields from `model`, through relations in both directions."""
    lookups = []
    for field in model._meta.get_fields(include_hidden=True):
        if not hasattr(field, "name") or field.name.endswith("+"):
            continue
        lookups.append(prefix + field.name)
        if field.is_relation and field.related_model and depth > 1:
            lookups += list_lookups(field.related_model, depth - 1, f"{prefix}{field.name}__")
    return lookups


def declared_names(model_admin) -> set[str]:
    names = {item[0] if isinstance(item, tuple) else item for item in model_admin.list_filter}
    return {n for n in names if isinstance(n, str)} | {
        model_admin.date_hierarchy,
        *model_admin.linked_filters,
    }


@pytest.mark.parametrize("model_admin", MODEL_ADMINS, ids=lambda it: it.opts.label_lower)
def test_no_list_is_filtered_by_what_it_does_not_declare(model_admin):
    declared = declared_names(model_admin)
    lookups = [path for path in list_lookups(model_admin.model) if path not in declared]
    own_keys = {f"{name}__{key}" for name in declared for key in ("id", "pk")}
    assert lookups
    for path in set(lookups) - own_keys:
        for suffix in ("", "__startswith", "__regex", "__gt", "__contains", "__isnull", "__in"):
            assert not model_admin.lookup_allowed(f"{path}{suffix}", "x"), f"{path}{suffix}"


@pytest.mark.parametrize("model_admin", MODEL_ADMINS, ids=lambda it: it.opts.label_lower)
def test_no_declared_filter_or_search_reaches_a_secret(model_admin):
    searched = {name.lstrip("=^@") for name in model_admin.search_fields} - {"sha256"}
    for name in declared_names(model_admin) | searched:
        assert not any(word in str(name).split("__") for word in SECRET_WORDS), name
        for suffix in ("startswith", "regex", "contains", "iexact", "password", "user__password"):
            assert not model_admin.lookup_allowed(f"{name}__{suffix}", "x")


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("generations/generation", "callback_token__startswith"),
        ("generations/generation", "callback_token"),
        ("generations/generation", "owner__password__startswith"),
        ("generations/generation", "last_reply__contains"),
        ("generations/callbackdelivery", "generation__callback_token__startswith"),
        ("accounts/user", "password__startswith"),
        ("accounts/user", "security_stamp__startswith"),
        ("accounts/user", "sign_in_links__token_hash__startswith"),
        ("accounts/user", "groups__user__password__startswith"),
        ("accounts/signinlink", "token_hash__startswith"),
        ("accounts/securityevent", "user__password__startswith"),
        ("library/asset", "owner__password__regex"),
        ("credits/ledgerentry", "balance__user__password__startswith"),
        ("credits/ledgerentry/csv", "balance__user__password__startswith"),
        ("credits/allowance", "user__security_stamp"),
        ("auth/group", "user__password__startswith"),
    ],
)
def test_a_probe_is_refused_whatever_it_would_find(client, path, parameter):
    GenerationFactory()
    statuses = [
        client.get(f"/admin/{path}/", {parameter: value}).status_code for value in ("a", "")
    ]
    suffix_statuses = client.get(f"/admin/{path}/", {f"{parameter}__in": "a"}).status_code
    assert {*statuses, suffix_statuses} == {400}


@pytest.mark.parametrize("model_admin", MODEL_ADMINS, ids=lambda it: it.opts.label_lower)
def test_other_ways_to_ask_say_nothing(client, model_admin):
    """By order, by the field of a popup, by the search of a field with suggestions."""
    opts = model_admin.opts
    list_url = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    for name in ("password", "callback_token", "token_hash", "security_stamp"):
        refused = client.get(list_url, {"_to_field": name, "_popup": "1"}).status_code
        assert refused == 400, name
    shown = set(model_admin.get_list_display(client.get(list_url).wsgi_request))
    assert not shown & {"password", "callback_token", "token_hash", "security_stamp"}


def test_suggestions_are_searched_by_name_alone(client):
    ada = UserFactory(username="ada")
    for field_name in ("password", "callback_token", "id"):
        query = f"app_label=generations&model_name=generation&field_name={field_name}&term=a"
        assert client.get(f"/admin/autocomplete/?{query}").status_code == 403
    query = "app_label=generations&model_name=generation&field_name=owner"
    secret = ada.password[:12]
    answer = client.get(f"/admin/autocomplete/?{query}&term={secret}")
    assert answer.json()["results"] == []
