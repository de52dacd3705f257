"""Writers of one person's roll-up follow each other, on a server with row locks."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from evolink_studio.evolink.types import Task
from evolink_studio.generations import usage_rollup
from evolink_studio.generations.models import ChangeFeed, Charge, Generation, UsageRollup
from evolink_studio.generations.resolutions import import_task
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import increment_feed_version, transition
from evolink_studio.generations.usage_report import UsageFilter, sum_usage
from tests.factories import NOW, VEO, GenerationFactory, UserFactory

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
MAX_LOOKS = 100_000


def run_and_disconnect(work: Callable[[], object]) -> object:
    try:
        return work()
    finally:
        connection.close()


def wait_until_blocked(future: "Future[object]") -> None:
    """Until somebody waits for a lock, which is what `future` does."""
    for _look in range(MAX_LOOKS):
        assert not future.done()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
    pytest.fail("nobody waits")


def prove() -> list[object]:
    return [finding for step in usage_rollup.prove_rollup(None) for finding in step.findings]


def test_an_import_waits_for_the_feed_before_it_is_counted(ada):
    ChangeFeed.objects.get_or_create(pk=ada.pk)
    task = Task.model_validate(
        {"id": "task-x", "model": VEO, "created": int(NOW.timestamp()), "status": "processing"}
    )

    def bring_in() -> Generation:
        return import_task(owner=ada, model_id=VEO, task=task, now=NOW)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            increment_feed_version(ada.pk)
            future = pool.submit(run_and_disconnect, bring_in)
            wait_until_blocked(future)
            # Whoever was counted before and waited for the feed would end here.
            GenerationFactory(owner=ada, state=State.UNKNOWN)
        future.result(30)
    assert prove() == []
    assert sum_usage(UsageFilter(owner_id=ada.pk)).count == 2


def test_writers_at_once_are_all_counted(ada):
    owners = [ada, UserFactory()]
    ChangeFeed.objects.bulk_create(ChangeFeed(owner=owner) for owner in owners)
    rows = [GenerationFactory(owner=owners[n % 2], state=State.RUNNING) for n in range(24)]

    def end(row: Generation) -> bool:
        changes = {"charge": Charge.RETURNED, "credits_charged": 0}
        return transition(row, State.FAILED, now=NOW + timedelta(days=1), **changes)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda row: run_and_disconnect(lambda: end(row)), rows))
    assert prove() == []
    assert sum_usage(UsageFilter(states=[State.FAILED])).count == len(rows)


def test_a_rebuild_counts_what_is_written_meanwhile(ada):
    row = GenerationFactory(owner=ada, state=State.RUNNING)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            transition(row, State.FAILED, now=NOW, charge=Charge.RETURNED)
            future = pool.submit(run_and_disconnect, usage_rollup.rebuild)
            wait_until_blocked(future)
        future.result(30)
    assert prove() == []
    assert set(UsageRollup.objects.values_list("state", flat=True)) == {State.FAILED}
