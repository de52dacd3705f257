"""The log of callbacks, and when a refused one means that money is at risk."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evolink_studio.generations.incidents import open_incidents
from evolink_studio.generations.models import CallbackDelivery, Generation
from evolink_studio.generations.states import State
from tests.admin.conftest import page_of
from tests.factories import NOW, GenerationFactory

LOG = "/admin/generations/callbackdelivery/"


def came(generation, refused="", **given) -> CallbackDelivery:
    facts = {"at": NOW, "size": 1234, "says": "completed", "task_named": "task-7", **given}
    return CallbackDelivery.objects.create(generation=generation, rejection=refused, **facts)


def rows(browser, query="") -> int:
    return browser.get(f"{LOG}{query}").context["cl"].result_count


def test_the_log_says_what_came_when_and_whether_it_was_listened_to(staff):
    generation = GenerationFactory(state=State.RUNNING)
    came(generation)
    came(generation, "other_task")
    page = staff.get(LOG).content.decode()
    assert f'href="{page_of(generation)}"' in page
    for words in ("20 Nov 2026, 12:00:00", "task-7", "1,234", "no: names another task"):
        assert words in page


def test_the_log_is_narrowed_by_why_it_was_refused_by_generation_and_by_task(staff):
    one = GenerationFactory(state=State.RUNNING)
    came(one)
    came(one, "too_large", task_named="")
    came(GenerationFactory(state=State.COMPLETED), "too_many")
    assert rows(staff) == 3
    assert rows(staff, "?refused__exact=too_large") == 1
    assert rows(staff, "?refused__exact=too_large&refused__exact=too_many") == 2
    assert rows(staff, "?generation__state__exact=completed") == 1
    assert rows(staff, f"?q={one.pk}") == 2
    assert rows(staff, f"?q={one.task_id}") == 2
    assert rows(staff, "?q=task-7") == 2


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the words of SQLite's plan")
@pytest.mark.parametrize(
    "query", ["", "?at_from_0=2026-11-20&at_from_1=00:00:00&at_to_0=2026-11-20&at_to_1=23:00:00"]
)
@pytest.mark.filterwarnings("ignore:DateTimeField")  # Unfold's filter
def test_the_newest_and_those_of_some_days_are_found_in_an_index(staff, query):
    with CaptureQueriesContext(connection) as seen:
        assert staff.get(f"{LOG}{query}").status_code == 200
    (page,) = [q["sql"] for q in seen.captured_queries if '"size"' in q["sql"]]
    assert ("BETWEEN" in page or ">=" in page) == bool(query)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {page.replace('%', '%%')}")
        plan = [row[3] for row in cursor.fetchall()]
    assert any("callback_newest" in line for line in plan), plan
    assert not [line for line in plan if "TEMP B-TREE" in line], plan


def test_staff_have_the_generations_of_callbacks_read_again(staff):
    later = NOW + timedelta(days=9999)
    running = GenerationFactory(state=State.RUNNING, next_attempt_at=later)
    done = GenerationFactory(state=State.COMPLETED)
    chosen = [came(running).pk, came(running).pk, came(done).pk]
    asked = {"action": "refresh_generations", "_selected_action": chosen}
    answer = staff.post(LOG, asked, follow=True)
    assert "looks at 1 generation now" in answer.content.decode()
    running.refresh_from_db()
    assert running.due < later
    assert Generation.objects.get(pk=done.pk).next_attempt_at is None


def test_nobody_writes_in_the_log(owner, staff, creator):
    delivery = came(GenerationFactory(state=State.RUNNING))
    for browser in (owner, staff):
        assert browser.get(f"{LOG}add/").status_code == 403
        assert browser.get(f"{LOG}{delivery.pk}/change/").status_code == 200
        assert browser.post(f"{LOG}{delivery.pk}/change/", {"says": "x"}).status_code == 403
        assert browser.post(f"{LOG}{delivery.pk}/delete/", {"post": "yes"}).status_code == 403
    assert creator.get(LOG, follow=True).status_code == 403
    assert CallbackDelivery.objects.get().reported_status == "completed"


def test_many_callbacks_take_as_many_queries_as_few(staff, django_assert_max_num_queries):
    def count() -> int:
        with django_assert_max_num_queries(20) as seen:
            staff.get(LOG)
        return len(seen)

    came(GenerationFactory(state=State.RUNNING))
    one = count()
    for _number in range(20):
        came(GenerationFactory(state=State.RUNNING))
    assert count() == one


def test_a_refused_callback_is_a_reason_to_look_until_the_generation_is_settled(staff):
    with time_machine.travel(NOW, tick=False):
        called, quiet = (GenerationFactory(state=State.RUNNING) for _number in range(2))
        came(called, "other_task")
        came(quiet)
        found = [(item.generation.pk, item.type.name) for item in open_incidents(now=NOW, limit=9)]
        assert found == [(called.pk, "callbacks")]
        overview = staff.get("/admin/").content.decode()
        assert "Callbacks refused" in overview
        assert f'href="{LOG}?q={called.pk}"' in overview
        Generation.objects.filter(pk=called.pk).update(state=State.COMPLETED, charge="charged")
        assert open_incidents(now=NOW, limit=9) == []
        assert rows(staff, "?refused__exact=other_task") == 1


@pytest.mark.parametrize("refused", ["", "too_large"])
def test_the_page_of_a_generation_lists_its_callbacks(staff, refused):
    generation = GenerationFactory(state=State.RUNNING)
    came(generation, refused)
    page = staff.get(page_of(generation)).content.decode()
    assert "1 callback came" in page
    assert ("refused: too large" in page) == bool(refused)


def test_a_callback_that_came_is_found_in_the_log(staff):
    generation = GenerationFactory(state=State.RUNNING)
    Client().post(
        f"/callbacks/{generation.callback_token}/",
        {"id": "task-of-somebody"},
        content_type="application/json",
    )
    assert rows(staff, "?refused__exact=other_task&q=task-of-somebody") == 1
