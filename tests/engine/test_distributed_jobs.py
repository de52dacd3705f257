"""The jobs that lend hands to the steps: deferred with the row, rescued when their worker dies.

`scripts/with-postgres` gives these tests their server.
"""

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

from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.queue import ConcurrencyLimits
from evolink_studio.generations.states import State
from evolink_studio.worker import tasks
from evolink_studio.worker.distributed_worker import DistributedEngine, claim_alone, handover
from evolink_studio.worker.worker import LocalEngine
from tests.factories import NOW, VEO, GenerationFactory, UserFactory
from tests.farend import FarEnd
from tests.generations.pressing import press
from tests.work import Worker

__test__ = connection.vendor == "postgresql"
pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

SILENCE = 10


@pytest.fixture(autouse=True)
def _no_old_jobs(transactional_db) -> None:
    ask("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")


@pytest.fixture
def ada(client):
    person = UserFactory(username="ada")
    client.force_login(person)
    return person


def ask(sql: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def jobs() -> Counter[tuple[object, ...]]:
    """How many jobs there are of each name and status."""
    return Counter(ask("SELECT task_name, status::text FROM procrastinate_jobs"))


def test_a_press_leaves_a_row_and_a_job(client, ada):
    press(client, VEO)
    assert Generation.objects.count() == 1
    assert jobs() == {("send", "todo"): 1}


def test_a_press_that_is_not_stored_leaves_no_job(client, ada):
    with transaction.atomic():
        press(client, VEO)
        assert jobs() == {("send", "todo"): 1}
        transaction.set_rollback(True)
    assert not Generation.objects.exists()
    assert jobs() == {}


def test_fifty_presses_of_one_form_leave_one_job(client, ada):
    key = uuid.uuid4()
    for _ in range(50):
        press(client, VEO, key=key)
    assert jobs() == {("send", "todo"): 1}


class Dead:
    """A worker that took jobs and was never heard of again."""

    async def take(self, *names: str) -> None:
        worker = await app.job_manager.register_worker()
        for name in names:
            job = await app.job_manager.fetch_job(queues=None, worker_id=worker)
            assert job is not None
            assert job.task_name == name

    async def is_silent(self) -> None:
        late = "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'"
        await sync_to_async(ask)(late)


def as_a_worker(act) -> None:
    """Run it as jobs run: with the connections of a worker."""

    async def run() -> None:
        connector = PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=2)
        with app.replace_connector(connector):
            async with app.open_async():
                await act()

    async_to_sync(run)()


async def run_job(task, **arguments: object) -> None:
    job = Job(id=0, queue="default", task_name=task.name, lock=None, queueing_lock=None)
    context = JobContext(
        app=app,
        job=job,
        start_timestamp=0,
        abort_reason=lambda: None,
        additional_context={"engine": SimpleNamespace(silence=SILENCE)},
    )
    await task(context, timestamp=0, **arguments)


def test_every_slot_has_one_follower_and_one_successor_at_most():
    dead = Dead()

    async def story() -> None:
        await run_job(tasks.mind)
        await dead.take(*["follow"] * tasks.SLOTS)
        await run_job(tasks.mind)
        await run_job(tasks.mind)

    as_a_worker(story)
    assert jobs() == {("follow", "doing"): tasks.SLOTS, ("follow", "todo"): tasks.SLOTS}


def test_the_slots_of_a_silent_worker_go_to_their_successors():
    dead = Dead()

    async def story() -> None:
        await run_job(tasks.mind)
        await dead.take(*["follow"] * tasks.SLOTS)
        await run_job(tasks.mind)
        await dead.is_silent()
        await run_job(tasks.rescue)
        await Dead().take(*["follow"] * tasks.SLOTS)

    as_a_worker(story)
    assert jobs() == {("follow", "doing"): tasks.SLOTS}


def test_jobs_of_a_silent_worker_are_done_again():
    dead = Dead()

    async def story() -> None:
        await tasks.send.defer_async()
        await tasks.search.defer_async()
        await dead.take("send", "search")
        await dead.is_silent()
        await run_job(tasks.rescue)

    as_a_worker(story)
    assert jobs() == {("send", "todo"): 1, ("search", "todo"): 1}


def test_jobs_of_a_worker_that_lives_are_left_to_it():
    async def story() -> None:
        await tasks.send.defer_async()
        await Dead().take("send")
        await run_job(tasks.rescue)

    as_a_worker(story)
    assert jobs() == {("send", "doing"): 1}


def test_two_searches_never_run_at_once():
    async def story() -> None:
        await tasks.search.defer_async()
        await tasks.search.defer_async()
        await Dead().take("search")
        worker = await app.job_manager.register_worker()
        assert await app.job_manager.fetch_job(queues=None, worker_id=worker) is None

    as_a_worker(story)
    assert jobs() == {("search", "doing"): 1, ("search", "todo"): 1}


@pytest.mark.parametrize(
    ("state", "name"),
    [(State.QUEUED, "send"), (State.SAVING, "save"), (State.UNKNOWN, "search")],
)
def test_what_is_due_finds_hands_though_its_job_was_lost(ada, state, name):
    GenerationFactory(owner=ada, state=state, next_attempt_at=timezone.now())
    as_a_worker(lambda: tasks.wake(state))
    as_a_worker(lambda: tasks.wake(state))
    assert jobs() == {(name, "todo"): 1}


def test_nothing_due_asks_for_no_hands(ada):
    GenerationFactory(
        owner=ada, state=State.SAVING, next_attempt_at=timezone.now() + timedelta(hours=1)
    )
    as_a_worker(lambda: tasks.wake(State.SAVING))
    assert jobs() == {}


def test_no_two_slots_are_given_over_within_the_same_moment():
    shift, moments = 10.0, [number / 7 for number in range(700)]
    for slot in range(tasks.SLOTS):
        for now in moments:
            assert shift / 2 <= handover(slot, now, shift) <= shift * 1.5
            ends = (now + handover(slot, now, shift)) % shift
            apart = (ends - shift * slot / tasks.SLOTS) % shift
            assert min(apart, shift - apart) < 1e-6


def test_workers_that_choose_at_once_keep_the_limit_and_leave_no_place_empty():
    GenerationFactory.create_batch(12, owner=UserFactory())

    def claim(_: int) -> int:
        try:
            _, rows = claim_alone(limit=2, now=NOW, limits=ConcurrencyLimits(total=5))
            return len(rows)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as workers:
        claimed = sum(workers.map(claim, range(6)))
    assert claimed == 5


def test_whatever_the_local_engine_does_the_distributed_one_does_too(monkeypatch):
    done: set[str] = set()

    async def every(self, seconds, act, **how) -> None:
        done.add(act.__name__)

    monkeypatch.setattr(LocalEngine, "_every", every)
    with FarEnd() as far:
        alone, together = (
            kind(Worker(far.url).far(), lambda: NOW) for kind in (LocalEngine, DistributedEngine)
        )
        alone.stop()
        async_to_sync(alone.run)()
        loops = set(done)
        done.clear()
        together.stop()
        async_to_sync(together.run)()
    jobs = {act.__name__ for act in (*together._takes.values(), *together._duties.values())}
    assert loops - done - jobs == {"_take_reads"}, "reads are the work of the slots"
    assert set(tasks.DUTIES) == set(together._duties)
    assert set(tasks.HANDS) == set(together._takes)
