"""The log of callbacks, and when a refused one means that money is at risk."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evolink_studio.generations.incidents import list_open_incidents
from evolink_studio.generations.models import CallbackDelivery, Generation
from evolink_studio.generations.states import State
from tests.factories import NOW, GenerationFactory
from tests.generations.admin.conftest import generation_url

CALLBACKS_URL = "/admin/generations/callbackdelivery/"


def create_delivery(generation, refusal="", **fields) -> CallbackDelivery:
    columns = {
        "received_at": NOW,
        "size_bytes": 1234,
        "reported_status": "completed",
        "reported_task_id": "task-7",
        **fields,
    }
    return CallbackDelivery.objects.create(generation=generation, rejection=refusal, **columns)


def count_rows(browser, query="") -> int:
    return browser.get(f"{CALLBACKS_URL}{query}").context["cl"].result_count


def test_the_log_says_what_came_when_and_whether_it_was_accepted(staff_client):
    generation = GenerationFactory(state=State.RUNNING)
    create_delivery(generation)
    create_delivery(generation, "other_task")
    page = staff_client.get(CALLBACKS_URL).content.decode()
    assert f'href="{generation_url(generation)}"' in page
    for words in ("20 Nov 2026, 12:00:00", "task-7", "1,234", "no: names another task"):
        assert words in page


def test_the_log_is_narrowed_by_why_it_was_refused_by_generation_and_by_task(staff_client):
    generation = GenerationFactory(state=State.RUNNING)
    create_delivery(generation)
    create_delivery(generation, "too_large", reported_task_id="")
    create_delivery(GenerationFactory(state=State.COMPLETED), "too_many")
    assert count_rows(staff_client) == 3
    assert count_rows(staff_client, "?rejection__exact=too_large") == 1
    assert count_rows(staff_client, "?rejection__exact=too_large&rejection__exact=too_many") == 2
    assert count_rows(staff_client, "?generation_state=completed") == 1
    assert count_rows(staff_client, f"?q={generation.pk}") == 2
    assert count_rows(staff_client, f"?q={generation.task_id}") == 2
    assert count_rows(staff_client, "?q=task-7") == 2


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the words of SQLite's plan")
@pytest.mark.parametrize(
    "query",
    [
        "",
        "?received_at_from_0=2026-11-20&received_at_from_1=00:00:00&received_at_to_0=2026-11-20&received_at_to_1=23:00:00",
    ],
)
@pytest.mark.filterwarnings("ignore:DateTimeField")  # Unfold's filter
def test_the_newest_and_those_of_some_days_are_found_in_an_index(staff_client, query):
    with CaptureQueriesContext(connection) as queries:
        assert staff_client.get(f"{CALLBACKS_URL}{query}").status_code == 200
    (page,) = [
        q["sql"]
        for q in queries.captured_queries
        if 'FROM "generations_callbackdelivery"' in q["sql"] and "ORDER BY" in q["sql"]
    ]
    assert ("BETWEEN" in page or ">=" in page) == bool(query)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {page.replace('%', '%%')}")
        plan = [row[3] for row in cursor.fetchall()]
    assert any("callback_newest" in line for line in plan), plan
    assert not [line for line in plan if "TEMP B-TREE" in line], plan


def test_staff_have_the_generations_of_callbacks_refresh_generations(staff_client):
    late_time = NOW + timedelta(days=9999)
    running = GenerationFactory(state=State.RUNNING, next_attempt_at=late_time)
    completed = GenerationFactory(state=State.COMPLETED)
    selected = [
        create_delivery(running).pk,
        create_delivery(running).pk,
        create_delivery(completed).pk,
    ]
    form_data = {"action": "refresh_generations", "_selected_action": selected}
    answer = staff_client.post(CALLBACKS_URL, form_data, follow=True)
    assert "looks at 1 generation now" in answer.content.decode()
    running.refresh_from_db()
    assert running.next_attempt_at < late_time
    assert Generation.objects.get(pk=completed.pk).next_attempt_at is None


def test_nobody_writes_in_the_log(owner_client, staff_client, user_client):
    delivery = create_delivery(GenerationFactory(state=State.RUNNING))
    for browser in (owner_client, staff_client):
        assert browser.get(f"{CALLBACKS_URL}add/").status_code == 403
        assert browser.get(f"{CALLBACKS_URL}{delivery.pk}/change/").status_code == 200
        assert (
            browser.post(
                f"{CALLBACKS_URL}{delivery.pk}/change/", {"reported_status": "x"}
            ).status_code
            == 403
        )
        assert (
            browser.post(f"{CALLBACKS_URL}{delivery.pk}/delete/", {"post": "yes"}).status_code
            == 403
        )
    assert user_client.get(CALLBACKS_URL, follow=True).status_code == 403
    assert CallbackDelivery.objects.get().reported_status == "completed"


def test_many_callbacks_take_as_many_queries_as_few(staff_client, django_assert_max_num_queries):
    def count() -> int:
        with django_assert_max_num_queries(20) as queries:
            staff_client.get(CALLBACKS_URL)
        return len(queries)

    create_delivery(GenerationFactory(state=State.RUNNING))
    one_count = count()
    for _number in range(20):
        create_delivery(GenerationFactory(state=State.RUNNING))
    assert count() == one_count


def test_a_refused_callback_is_an_incident_until_the_generation_is_settled(staff_client):
    with time_machine.travel(NOW, tick=False):
        called_row, quiet_row = (GenerationFactory(state=State.RUNNING) for _number in range(2))
        create_delivery(called_row, "other_task")
        create_delivery(quiet_row)
        incidents = [
            (item.generation.pk, item.type.name) for item in list_open_incidents(now=NOW, limit=9)
        ]
        assert incidents == [(called_row.pk, "callbacks")]
        overview = staff_client.get("/admin/").content.decode()
        assert "Callbacks refused" in overview
        assert f'href="{CALLBACKS_URL}?q={called_row.pk}"' in overview
        Generation.objects.filter(pk=called_row.pk).update(state=State.COMPLETED, charge="charged")
        assert list_open_incidents(now=NOW, limit=9) == []
        assert count_rows(staff_client, "?rejection__exact=other_task") == 1


@pytest.mark.parametrize("refusal", ["", "too_large"])
def test_the_page_of_a_generation_lists_its_callbacks(staff_client, refusal):
    generation = GenerationFactory(state=State.RUNNING)
    create_delivery(generation, refusal)
    page = staff_client.get(generation_url(generation)).content.decode()
    assert "1 callback came" in page
    assert ("refused: too large" in page) == bool(refusal)


def test_a_callback_that_came_is_found_in_the_log(staff_client):
    generation = GenerationFactory(state=State.RUNNING)
    Client().post(
        f"/callbacks/{generation.callback_token}/",
        {"id": "task-of-somebody"},
        content_type="application/json",
    )
    assert count_rows(staff_client, "?rejection__exact=other_task&q=task-of-somebody") == 1
