"""The steps as Procrastinate jobs. A job only lends hands: what is to be done stands in the rows.

So a job that is lost, doubled or taken for dead costs nothing: the next one finds the same rows.
Loaded where the database is PostgreSQL; on SQLite one process looks by itself.
"""

from contextlib import suppress
from typing import Any, Protocol

import structlog
from asgiref.sync import sync_to_async
from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.tasks import Task

from evolink_studio.generations.pipeline.leases import next_due_at
from evolink_studio.generations.services import generation_queued
from evolink_studio.generations.states import State

log = structlog.get_logger(__name__)

SLOT_COUNT = 3  # followers in all; one carries some thousand generations
HIGH_PRIORITY = 10  # priority: a crowd of presses never delays what keeps the others going
FAILED_JOB_RETENTION_HOURS = 72  # hours that a failed job can be looked at


class JobRunner(Protocol):
    """What jobs ask of the worker whose process runs them."""

    stalled_after_seconds: float

    async def drain_state(self, state: State) -> None:
        """Work on due rows of this state until there are none."""

    async def poll_slot(self, slot: int) -> None:
        """Read running tasks until the slot is given over."""

    async def run_duty(self, duty: str) -> None:
        """Do what one worker does for all."""


def get_worker(context: JobContext) -> JobRunner:
    """The worker of the process that runs this job."""
    worker: JobRunner = context.additional_context["engine"]
    return worker


@app.task(name="send", pass_context=True)
async def dispatch_queued(context: JobContext) -> None:
    """Send what waits. Deferred in the transaction of the press."""
    await get_worker(context).drain_state(State.QUEUED)


@app.task(name="save", pass_context=True)
async def download_results(context: JobContext) -> None:
    """Save what is made."""
    await get_worker(context).drain_state(State.SAVING)


@app.task(name="search", pass_context=True, lock="search")
async def reconcile_unknown(context: JobContext) -> None:
    """Look for lost tasks, one at a time in all: two searches could both find the same one."""
    await get_worker(context).drain_state(State.UNKNOWN)


@app.task(name="follow", pass_context=True, priority=HIGH_PRIORITY)
async def poll_slot(context: JobContext, slot: int) -> None:
    """Read running tasks for a while."""
    await get_worker(context).poll_slot(slot)


TASK_BY_STATE: dict[State, Task[Any, Any, Any]] = {
    State.QUEUED: dispatch_queued,
    State.SAVING: download_results,
    State.UNKNOWN: reconcile_unknown,
}


async def defer_if_due(state: State) -> None:
    """Ask for hands if a row of this state is due, unless somebody is asked already."""
    due_at = await sync_to_async(next_due_at)([state])
    if due_at is not None and due_at <= timezone.now():
        await _defer_once(TASK_BY_STATE[state], queueing_lock=TASK_BY_STATE[state].name)


@app.periodic(cron="* * * * * */2")
@app.task(name="mind", pass_context=True, priority=HIGH_PRIORITY, queueing_lock="mind")
async def ensure_jobs(context: JobContext, timestamp: int) -> None:
    """See that every slot has a successor waiting, and that whatever is due finds hands.

    `lock` keeps a slot to one job, `queueing_lock` its successor to one.
    """
    for slot in range(SLOT_COUNT):
        name = f"follow-{slot}"
        await _defer_once(poll_slot, lock=name, queueing_lock=name, task_kwargs={"slot": slot})
    for state in TASK_BY_STATE:
        await defer_if_due(state)


# No `lock` here: held by a job of a dead worker, it would keep the rescuers out.
@app.periodic(cron="* * * * * */5")
@app.task(name="rescue", pass_context=True, priority=HIGH_PRIORITY, queueing_lock="rescue")
async def requeue_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """Take the jobs of silent workers back. Wrong about one? Its rows are still held by claims."""
    stalled_after_seconds = get_worker(context).stalled_after_seconds
    for job in await app.job_manager.get_stalled_jobs(
        seconds_since_heartbeat=stalled_after_seconds
    ):
        try:
            await _requeue_job(job)
        except ConnectorException as error:  # it ended at this moment, or another rescuer was first
            log.info("job not requeued", job=job.id, reason=type(error).__name__)


async def _requeue_job(job: Job) -> None:
    try:
        await app.job_manager.retry_job(job)
    except UniqueViolation:  # its successor waits already
        await app.job_manager.finish_job(job, Status.ABORTED, delete_job=True)


@app.task(name="attend", pass_context=True)
async def run_duty(context: JobContext, timestamp: int, duty: str) -> None:
    """Something that one worker does for all, now and then."""
    await get_worker(context).run_duty(duty)


CRON_BY_DUTY = {
    "sweep": "* * * * * */15",
    "balance": "* * * * *",
    "tell": "* * * * *",
    "daily": "*/10 * * * *",  # a look; it is done once its hour has come
}
for _duty, _cron in CRON_BY_DUTY.items():
    app.periodic(
        cron=_cron,
        periodic_id=_duty,
        lock=_duty,
        queueing_lock=_duty,
        task_kwargs={"duty": _duty},
    )(run_duty)


@app.periodic(cron="0 * * * *")
@app.task(name="tidy", pass_context=True, queueing_lock="tidy")
async def delete_old_jobs(context: JobContext, timestamp: int) -> None:
    """Forget old jobs that failed; the others are deleted when they end."""
    await app.job_manager.delete_old_jobs(
        FAILED_JOB_RETENTION_HOURS,
        include_failed=True,
        include_cancelled=True,
        include_aborted=True,
    )


async def _defer_once(task: Task[Any, Any, Any], **options: Any) -> None:
    with suppress(AlreadyEnqueued):
        await task.configure(**options).defer_async()


def connect_signals() -> None:
    """From now on. Only where jobs are run: a worker on SQLite looks by itself."""
    generation_queued.connect(_defer_dispatch, dispatch_uid="send")


def _defer_dispatch(**kwargs: object) -> None:
    dispatch_queued.defer()
