"""The stages as Procrastinate jobs. A job only starts work: what is due is decided by the rows.

So a job may be lost, run twice or be stopped: the next one finds the same due rows. Used only with
PostgreSQL; on SQLite one process polls the rows.
"""

from collections.abc import Collection
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

from evolink_studio.generations.pipeline.leases import find_due_times
from evolink_studio.generations.pipeline.lookups import has_waiting_lookups
from evolink_studio.generations.signals import work_due
from evolink_studio.generations.states import State

log = structlog.get_logger(__name__)

SLOT_COUNT = 3  # polling jobs over all workers; one polls some thousand generations
HIGH_PRIORITY = 10  # so that many dispatch jobs never delay polling and upkeep
FAILED_JOB_RETENTION_HOURS = 72


class JobRunner(Protocol):
    """The worker in whose process jobs run."""

    stalled_after_seconds: float

    async def drain_state(self, state: State) -> None:
        """Work on due rows of this state until none is due."""

    async def poll_slot(self, slot: int) -> None:
        """Poll running tasks until the time of this slot is over."""

    async def run_duty(self, duty: str) -> None:
        """Run a periodic action that one worker does for all."""


def get_worker(context: JobContext) -> JobRunner:
    """The worker of the process that runs this job."""
    worker: JobRunner = context.additional_context["worker"]
    return worker


@app.task(name="send", pass_context=True)
async def run_dispatch_job(context: JobContext) -> None:
    """Send queued generations. Deferred in the transaction that stores one."""
    await get_worker(context).drain_state(State.QUEUED)


@app.task(name="save", pass_context=True)
async def run_download_job(context: JobContext) -> None:
    """Download finished films."""
    await get_worker(context).drain_state(State.SAVING)


@app.task(name="search", pass_context=True, lock="search")
async def run_search_job(context: JobContext) -> None:
    """Search lost tasks, one job at a time: two searches could both find the same task."""
    await get_worker(context).drain_state(State.UNKNOWN)


@app.task(name="follow", pass_context=True, priority=HIGH_PRIORITY)
async def run_poll_job(context: JobContext, slot: int) -> None:
    """Poll running tasks for the time of one slot."""
    await get_worker(context).poll_slot(slot)


TASK_BY_STATE: dict[State, Task[Any, Any, Any]] = {
    State.QUEUED: run_dispatch_job,
    State.SAVING: run_download_job,
    State.UNKNOWN: run_search_job,
}


async def defer_if_due(state: State) -> None:
    """Defer the job of this state if a row is due, unless one is queued already."""
    await _defer_for_due([state])


async def _defer_for_due(states: Collection[State]) -> None:
    due_times = await sync_to_async(find_due_times)(states)
    now = timezone.now()
    for state, due_at in due_times.items():
        if due_at <= now:
            await _defer_once(TASK_BY_STATE[state], queueing_lock=TASK_BY_STATE[state].name)


@app.periodic(cron="* * * * * */2")
@app.task(name="mind", pass_context=True, priority=HIGH_PRIORITY, queueing_lock="mind")
async def ensure_jobs(context: JobContext, timestamp: int) -> None:
    """Keep a next job queued for every slot, and a job for all that is due or waits.

    `lock` limits a slot to one running job, `queueing_lock` to one queued job.
    """
    queued_jobs = await app.job_manager.list_jobs_async(
        task=run_poll_job.name, status=Status.TODO.value
    )
    queued_names = {job.queueing_lock for job in queued_jobs}
    for slot in range(SLOT_COUNT):
        name = f"follow-{slot}"
        if name not in queued_names:
            slot_kwargs = {"slot": slot}
            await _defer_once(run_poll_job, lock=name, queueing_lock=name, task_kwargs=slot_kwargs)
    await _defer_for_due(TASK_BY_STATE.keys())
    if await sync_to_async(has_waiting_lookups)():
        await _defer_once(
            run_duty_job,
            lock=LOOK_UP_DUTY,
            queueing_lock=LOOK_UP_DUTY,
            task_kwargs={"timestamp": timestamp, "duty": LOOK_UP_DUTY},
        )


# No `lock` here: a job of a dead worker could hold it for ever.
@app.periodic(cron="* * * * * */5")
@app.task(name="rescue", pass_context=True, priority=HIGH_PRIORITY, queueing_lock="rescue")
async def requeue_orphaned_jobs(context: JobContext, timestamp: int) -> None:
    """Queue the jobs of dead workers again. If one still lives, its leases protect its rows."""
    stalled_after_seconds = get_worker(context).stalled_after_seconds
    for job in await app.job_manager.get_stalled_jobs(
        seconds_since_heartbeat=stalled_after_seconds
    ):
        try:
            await _requeue_job(job)
        except ConnectorException as error:  # it just ended, or another worker was first
            log.info("job not requeued", job=job.id, reason=type(error).__name__)


async def _requeue_job(job: Job) -> None:
    try:
        await app.job_manager.retry_job(job)
    except UniqueViolation:  # the next job of its kind is queued already
        await app.job_manager.finish_job(job, Status.ABORTED, delete_job=True)


@app.task(name="attend", pass_context=True)
async def run_duty_job(context: JobContext, timestamp: int, duty: str) -> None:
    """Run a periodic action that one worker does for all."""
    await get_worker(context).run_duty(duty)


LOOK_UP_DUTY = "look-up"  # deferred when a task waits for it
CRON_BY_DUTY = {
    "sweep": "* * * * * */15",
    "balance": "* * * * *",
    "tell": "* * * * *",
    "daily": "*/10 * * * *",  # a check; it runs once a day
}
for _duty_name, _duty_cron in CRON_BY_DUTY.items():
    app.periodic(
        cron=_duty_cron,
        periodic_id=_duty_name,
        lock=_duty_name,
        queueing_lock=_duty_name,
        task_kwargs={"duty": _duty_name},
    )(run_duty_job)


@app.periodic(cron="0 * * * *")
@app.task(name="tidy", pass_context=True, queueing_lock="tidy")
async def delete_old_jobs(context: JobContext, timestamp: int) -> None:
    """Delete old failed jobs; successful ones are deleted when they end."""
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
    """Defer a dispatch job for every new generation."""
    work_due.connect(_defer_dispatch, dispatch_uid="send")


def _defer_dispatch(state: State | None, **kwargs: object) -> None:
    if state == State.QUEUED:
        run_dispatch_job.defer()
