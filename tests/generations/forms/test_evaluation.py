"""A request parses and checks what was entered once, whatever it is asked for."""

from collections import Counter

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evolink_studio.catalog import get_spec, parsing, spec
from evolink_studio.generations.models import Generation
from tests.factories import VEO
from tests.generations.form_client import open_create_page, post_form

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"
SORA = "sora-2-preview"
EMPTY_PROMPT = {"prompt": ""}

# What is asked for, and how many queries it takes at most.
REQUESTS = {
    "page": (lambda client, model_id: open_create_page(client, model_id), 16),
    "press": (lambda client, model_id: post_form(client, model_id), 25),
    "press by htmx": (lambda client, model_id: post_form(client, model_id, is_htmx=True), 37),
    "refused press": (lambda client, model_id: post_form(client, model_id, EMPTY_PROMPT), 14),
    "refused press by htmx": (
        lambda client, model_id: post_form(client, model_id, EMPTY_PROMPT, is_htmx=True),
        8,
    ),
    "refresh": (lambda client, model_id: post_form(client, model_id, action="refresh"), 19),
    "refresh by htmx": (
        lambda client, model_id: post_form(client, model_id, action="refresh", is_htmx=True),
        13,
    ),
}


@pytest.fixture
def parse_counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each field of a form was parsed."""
    counts: Counter[str] = Counter()

    def parse_and_count(field, raw):
        counts[field.name] += 1
        return parsing.parse_value(field, raw)

    monkeypatch.setattr(spec, "parse_value", parse_and_count)
    return counts


@pytest.mark.parametrize("model_id", [VEO, KLING, SORA])
@pytest.mark.parametrize(("send", "_query_limit"), REQUESTS.values(), ids=REQUESTS)
def test_every_field_is_parsed_once_a_request(
    ada_client: Client, parse_counts, send, _query_limit, model_id
):
    send(ada_client, model_id)
    assert parse_counts == {field.name: 1 for field in get_spec(model_id).fields}


@pytest.mark.parametrize(("send", "query_limit"), REQUESTS.values(), ids=REQUESTS)
def test_a_request_asks_the_database_no_more_than_it_must(ada_client: Client, send, query_limit):
    open_create_page(ada_client)  # the first visit makes the feed
    with CaptureQueriesContext(connection) as queries:
        send(ada_client, VEO)
    # On PostgreSQL a press that is taken also stores the job that dispatches it.
    stores_job = connection.vendor == "postgresql" and Generation.objects.exists()
    assert len(queries) <= query_limit + stores_job
