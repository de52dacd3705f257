"""The jobs that run the steps: deferred with the row, retried when their worker dies.

`scripts/with-postgres` gives these tests their server.
"""

import asyncio
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection, transaction
from django.utils import timezone
from procrastinate import JobContext, PsycopgConnector
from procrastinate.contrib.django import app, connector_params
from procrastinate.jobs import Job

from evolink_studio.generations.models import Generation, TaskLookup
from evolink_studio.generations.pipeline.queue import ConcurrencyLimits
from evolink_studio.generations.states import State
from evolink_studio.worker import distributed_worker, tasks
from evolink_studio.worker.distributed_worker import (
    DistributedWorker,
    lease_next_exclusively,
    slot_seconds_left,
)
from evolink_studio.worker.wake_up import wake_worker
from evolink_studio.worker.worker import Worker
from tests.factories import NOW, VEO, GenerationFactory, UserFactory
from tests.fake_provider import FakeProvider
from tests.generations.form_client import post_form
from tests.manual_worker import ManualWorker

__test__ = connection.vendor == "postgresql"
pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

NEVER_SECONDS = 60.0
SILENCE_SECONDS = 10


@pytest.fixture(autouse=True)
def _clear_jobs(transactional_db) -> None:
    run_sql("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")


@pytest.fixture
def ada(client):
    user = UserFactory(username="ada")
    client.force_login(user)
    return user


def run_sql(sql: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def count_jobs() -> Counter[tuple[object, ...]]:
    """How many jobs there are of each name and status."""
    return Counter(run_sql("SELECT task_name, status::text FROM procrastinate_jobs"))


def test_a_press_leaves_a_row_and_a_job(client, ada):
    post_form(client, VEO)
    assert Generation.objects.count() == 1
    assert count_jobs() == {("send", "todo"): 1}


def test_a_press_that_is_not_stored_leaves_no_job(client, ada):
    with transaction.atomic():
        post_form(client, VEO)
        assert count_jobs() == {("send", "todo"): 1}
        transaction.set_rollback(True)
    assert not Generation.objects.exists()
    assert count_jobs() == {}


def test_fifty_presses_of_one_form_leave_one_job(client, ada):
    key = uuid.uuid4()
    for _ in range(50):
        post_form(client, VEO, form_key=key)
    assert count_jobs() == {("send", "todo"): 1}


class DeadWorker:
    """A worker that took jobs and stopped without a trace."""

    async def take_jobs(self, *names: str) -> None:
        worker_id = await app.job_manager.register_worker()
        for name in names:
            job = await app.job_manager.fetch_job(queues=None, worker_id=worker_id)
            assert job is not None
            assert job.task_name == name

    async def stop_heartbeat(self) -> None:
        statement = "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'"
        await sync_to_async(run_sql)(statement)


def run_as_worker(action) -> None:
    """Run it as jobs run: with the connections of a worker."""

    async def run() -> None:
        connector = PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=2)
        with app.replace_connector(connector):
            async with app.open_async():
                await action()

    async_to_sync(run)()


async def run_job(task, **arguments: object) -> None:
    job = Job(id=0, queue="default", task_name=task.name, lock=None, queueing_lock=None)
    context = JobContext(
        app=app,
        job=job,
        start_timestamp=0,
        abort_reason=lambda: None,
        additional_context={"worker": SimpleNamespace(stalled_after_seconds=SILENCE_SECONDS)},
    )
    await task(context, timestamp=0, **arguments)


def test_every_slot_has_one_poller_and_one_successor_at_most():
    dead_worker = DeadWorker()

    async def run_scenario() -> None:
        await run_job(tasks.ensure_jobs)
        await dead_worker.take_jobs(*["follow"] * tasks.SLOT_COUNT)
        await run_job(tasks.ensure_jobs)
        await run_job(tasks.ensure_jobs)

    run_as_worker(run_scenario)
    assert count_jobs() == {
        ("follow", "doing"): tasks.SLOT_COUNT,
        ("follow", "todo"): tasks.SLOT_COUNT,
    }


def test_the_slots_of_a_silent_worker_go_to_their_successors():
    dead_worker = DeadWorker()

    async def run_scenario() -> None:
        await run_job(tasks.ensure_jobs)
        await dead_worker.take_jobs(*["follow"] * tasks.SLOT_COUNT)
        await run_job(tasks.ensure_jobs)
        await dead_worker.stop_heartbeat()
        await run_job(tasks.requeue_orphaned_jobs)
        await DeadWorker().take_jobs(*["follow"] * tasks.SLOT_COUNT)

    run_as_worker(run_scenario)
    assert count_jobs() == {("follow", "doing"): tasks.SLOT_COUNT}


def test_jobs_of_a_silent_worker_are_done_again():
    dead_worker = DeadWorker()

    async def run_scenario() -> None:
        await tasks.run_dispatch_job.defer_async()
        await tasks.run_search_job.defer_async()
        await dead_worker.take_jobs("send", "search")
        await dead_worker.stop_heartbeat()
        await run_job(tasks.requeue_orphaned_jobs)

    run_as_worker(run_scenario)
    assert count_jobs() == {("send", "todo"): 1, ("search", "todo"): 1}


def test_jobs_of_a_worker_that_lives_are_left_to_it():
    async def run_scenario() -> None:
        await tasks.run_dispatch_job.defer_async()
        await DeadWorker().take_jobs("send")
        await run_job(tasks.requeue_orphaned_jobs)

    run_as_worker(run_scenario)
    assert count_jobs() == {("send", "doing"): 1}


def test_two_searches_never_run_at_once():
    async def run_scenario() -> None:
        await tasks.run_search_job.defer_async()
        await tasks.run_search_job.defer_async()
        await DeadWorker().take_jobs("search")
        worker = await app.job_manager.register_worker()
        assert await app.job_manager.fetch_job(queues=None, worker_id=worker) is None

    run_as_worker(run_scenario)
    assert count_jobs() == {("search", "doing"): 1, ("search", "todo"): 1}


@pytest.mark.parametrize(
    ("state", "name"),
    [(State.QUEUED, "send"), (State.SAVING, "save"), (State.UNKNOWN, "search")],
)
def test_what_is_due_gets_a_job_though_its_job_was_lost(ada, state, name):
    GenerationFactory(owner=ada, state=state, next_attempt_at=timezone.now())
    run_as_worker(lambda: tasks.defer_if_due(state))
    run_as_worker(lambda: tasks.defer_if_due(state))
    assert count_jobs() == {(name, "todo"): 1}


def test_nothing_due_defers_no_job(ada):
    GenerationFactory(
        owner=ada, state=State.SAVING, next_attempt_at=timezone.now() + timedelta(hours=1)
    )
    run_as_worker(lambda: tasks.defer_if_due(State.SAVING))
    assert count_jobs() == {}


def test_a_task_that_an_admin_named_gets_one_job(ada):
    TaskLookup.objects.create(task_id="task-9", requested_by=ada, requested_at=NOW)
    for _ in range(2):
        run_as_worker(lambda: run_job(tasks.ensure_jobs))
    assert count_jobs() == {("follow", "todo"): tasks.SLOT_COUNT, ("attend", "todo"): 1}


def test_a_slot_with_nothing_to_read_sleeps_until_it_is_woken(ada, monkeypatch):
    monkeypatch.setattr(distributed_worker, "MAX_SLEEP_SECONDS", NEVER_SECONDS)

    async def main() -> bool:
        manual = ManualWorker("http://127.0.0.1")
        worker = DistributedWorker(manual.build_provider(), manual.clock)
        worker._listener.ensure_open()
        wake_worker()
        async with asyncio.timeout(NEVER_SECONDS / 2):
            await worker._sleep_until_due(State.RUNNING, NEVER_SECONDS)
        worker._listener.close()
        return worker._wake_event.is_set()

    assert async_to_sync(main)()


def test_no_two_slots_are_handed_over_within_the_same_moment():
    shift, moments = 10.0, [number / 7 for number in range(700)]
    for slot in range(tasks.SLOT_COUNT):
        for now in moments:
            assert shift / 2 <= slot_seconds_left(slot, now, shift) <= shift * 1.5
            slot_end = (now + slot_seconds_left(slot, now, shift)) % shift
            distance = (slot_end - shift * slot / tasks.SLOT_COUNT) % shift
            assert min(distance, shift - distance) < 1e-6


def test_workers_that_choose_at_once_keep_the_limit_and_leave_no_place_empty():
    GenerationFactory.create_batch(12, owner=UserFactory())

    def take_job(_: int) -> int:
        try:
            _, rows = lease_next_exclusively(limit=2, now=NOW, limits=ConcurrencyLimits(total=5))
            return len(rows)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as workers:
        taken_count = sum(workers.map(take_job, range(6)))
    assert taken_count == 5


def test_whatever_the_worker_does_the_distributed_one_does_too(monkeypatch):
    duty_names: set[str] = set()

    async def register(self, name, seconds, duty, **options) -> None:
        duty_names.add(duty.__name__)

    monkeypatch.setattr(Worker, "_run_every", register)
    with FakeProvider() as fake_provider:
        single, combined = (
            kind(ManualWorker(fake_provider.url).build_provider(), lambda: NOW)
            for kind in (Worker, DistributedWorker)
        )
        single.stop()
        async_to_sync(single.run)()
        single_names = duty_names | {loop.start.__name__ for loop in single._loops.values()}
        duty_names.clear()
        combined.stop()
        async_to_sync(combined.run)()
    jobs = [combined._loops[state].start for state in tasks.TASK_BY_STATE]
    job_names = {job.__name__ for job in (*jobs, *combined._duties.values())}
    assert single_names - duty_names - job_names == {"_start_polls"}, "reads are work of the slots"
    assert {*tasks.CRON_BY_DUTY, tasks.LOOK_UP_DUTY} == set(combined._duties)
