"""Runs every accepted task to its end.

All pending work is stored in rows that become due, so a killed sandbox resumes after a restart. One
`run_due` starts renders of started tasks, ends due tasks, and sends callbacks.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from decimal import Decimal
from typing import Any, TypeAlias

import structlog

from evolink_studio.sandbox.callbacks import CallbackSender, calculate_retry_at
from evolink_studio.sandbox.database import Database
from evolink_studio.sandbox.image_repository import ImageRepository
from evolink_studio.sandbox.ledger import Ledger
from evolink_studio.sandbox.serializers import serialize_task
from evolink_studio.sandbox.settings import RESULT_LIFETIME_SECONDS, SandboxSettings
from evolink_studio.sandbox.task_repository import TaskRepository, TaskRow
from evolink_studio.sandbox.video.storyboard import Storyboard
from evolink_studio.sandbox.video.subprocess_renderer import RenderError, render_in_subprocess

Renderer: TypeAlias = Callable[[Storyboard], Awaitable[None]]

TICK_SECONDS = 0.1
CLEANUP_INTERVAL_SECONDS = 600.0
MAX_TASKS_PER_STEP = 200
MAX_CALLBACKS_PER_STEP = 20
MAX_RENDER_ATTEMPTS = 3
SHARED_NAME_PREFIX = "shared-"
SHARED_VIDEO_TEXT = "One film for many tasks"

log = structlog.get_logger(__name__)


class TaskRunner:
    def __init__(
        self,
        database: Database,
        settings: SandboxSettings,
        ledger: Ledger,
        callback_sender: CallbackSender,
        render: Renderer = render_in_subprocess,
    ) -> None:
        self._database = database
        self._settings = settings
        self._ledger = ledger
        self._callback_sender = callback_sender
        self._render = render
        self._tasks = TaskRepository(database)
        self._images = ImageRepository(database, settings.images_dir)
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._rendering: set[str] = set()
        self._render_failures: dict[str, int] = {}
        self._next_cleanup_at = 0.0
        self._step_done = asyncio.Condition()
        self._new_task_event = asyncio.Event()
        settings.videos_dir.mkdir(parents=True, exist_ok=True)

    async def run(self) -> None:
        """Repeat `run_due` until cancelled; then running renders are cancelled, to be repeated."""
        try:
            while True:
                try:
                    self.run_due()
                except Exception:  # such as a full disk or a locked file: it must go on
                    log.exception("sandbox step failed")
                async with self._step_done:
                    self._step_done.notify_all()
                await self._pause()
        finally:
            jobs = list(self._jobs.values())
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _pause(self) -> None:
        """A tick while something is in the making; else until a task comes."""
        self._new_task_event.clear()
        if self._jobs or self._tasks.has_pending():
            await asyncio.sleep(TICK_SECONDS * min(1.0, max(0.1, self._settings.pace)))
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._new_task_event.wait(), CLEANUP_INTERVAL_SECONDS)

    def wake(self) -> None:
        """There is a new task."""
        self._new_task_event.set()

    def run_due(self) -> None:
        """Start and end everything that is due now."""
        self._start_renders()
        self._finish_due_tasks()
        self._start_callbacks()
        if self._database.now() >= self._next_cleanup_at:
            self._next_cleanup_at = self._database.now() + CLEANUP_INTERVAL_SECONDS
            self._delete_expired_files()

    async def wait_idle(self) -> None:
        """Wait for running renders and callbacks."""
        while self._jobs:
            await asyncio.gather(*self._jobs.values(), return_exceptions=True)

    async def wait_for_callback(self, task_id: str, timeout_seconds: float = 20.0) -> None:
        """Wait until a task has ended and its callback was sent or given up, or for the timeout."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds), self._step_done:
                await self._step_done.wait_for(lambda: self._is_finished(task_id))

    def _is_finished(self, task_id: str) -> bool:
        task = self._tasks.get(task_id)
        return task is None or (task.outcome is not None and task.callback_at is None)

    def _start_renders(self) -> None:
        for task in self._tasks.list_to_render(MAX_TASKS_PER_STEP):
            if (self._settings.videos_dir / task.video_name).exists():
                self._tasks.mark_video_made(task.id)
            elif task.video_name not in self._rendering:
                if len(self._rendering) >= self._settings.max_renders:
                    return
                self._rendering.add(task.video_name)
                self._start_job(f"film {task.id}", self._render_video(task))

    async def _render_video(self, task: TaskRow) -> None:
        try:
            await self._render(self._build_storyboard(task))
            self._tasks.mark_video_made(task.id)
        except RenderError as error:
            log.warning("sandbox render failed", task=task.id, problem=str(error))
            self._render_failures[task.id] = self._render_failures.get(task.id, 0) + 1
            if self._render_failures[task.id] >= MAX_RENDER_ATTEMPTS:
                self._finish_task(task, "failed", ("service_error", "The film could not be made."))
        finally:
            self._rendering.discard(task.video_name)

    def _build_storyboard(self, task: TaskRow) -> Storyboard:
        plan = task.load_plan()
        paths = [self._settings.images_dir / name for name in plan.image_ids]
        return Storyboard(
            target_path=str(self._settings.videos_dir / task.video_name),
            width=plan.width,
            height=plan.height,
            fps=plan.fps,
            seconds=plan.seconds,
            prompt_text=SHARED_VIDEO_TEXT if task.behaviour.is_shared_video else plan.prompt_text,
            subtitle=plan.subtitle,
            has_sound=plan.has_sound,
            image_paths=tuple(str(path) for path in paths if path.exists()),
        )

    def _finish_due_tasks(self) -> None:
        due_tasks = self._tasks.list_to_finish(MAX_TASKS_PER_STEP)
        if not due_tasks:
            return
        with self._database.transaction():
            for task in due_tasks:
                self._finish_in_transaction(task, *_choose_outcome(task))

    def _finish_task(self, task: TaskRow, outcome: str, failure: tuple[str, str]) -> None:
        with self._database.transaction():
            self._finish_in_transaction(task, outcome, failure)

    def _finish_in_transaction(self, task: TaskRow, outcome: str, failure: tuple[str, str]) -> None:
        share = task.behaviour.charge_share or ("1" if outcome == "completed" else "0")
        charged_units = int(task.reserved_units * Decimal(share))
        self._tasks.finish_task(task, outcome, charged_units, *failure)
        self._ledger.settle(task.id, task.reserved_units, charged_units)

    def _start_callbacks(self) -> None:
        for task in self._tasks.list_to_call_back(MAX_CALLBACKS_PER_STEP):
            name = f"call {task.id}"
            if name not in self._jobs:
                self._start_job(name, self._send_callback(task))

    async def _send_callback(self, task: TaskRow) -> None:
        body = serialize_task(task, self._database.now())
        is_delivered = False
        for _ in range(task.behaviour.callback_count):
            is_delivered = await self._callback_sender.post_task(task.callback_url, body)
        attempts = task.callback_attempts + 1
        next_attempt_at = (
            None if is_delivered else calculate_retry_at(attempts, self._database.now())
        )
        self._tasks.record_callback_attempt(task.id, next_attempt_at=next_attempt_at)

    def _start_job(self, name: str, coroutine: Coroutine[Any, Any, None]) -> None:
        self._jobs[name] = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._jobs[name].add_done_callback(lambda job: self._on_job_done(name, job))

    def _on_job_done(self, name: str, job: asyncio.Task[None]) -> None:
        self._jobs.pop(name, None)
        error = None if job.cancelled() else job.exception()
        if error is not None:
            log.error("sandbox job failed", job=name, problem=repr(error))

    def _delete_expired_files(self) -> None:
        """Delete films and pictures an hour after their links have ended."""
        grace_seconds = 3600.0
        expired_before = self._database.now() - RESULT_LIFETIME_SECONDS - grace_seconds
        for name in self._tasks.expire_videos(expired_before):
            if not name.startswith(SHARED_NAME_PREFIX):
                (self._settings.videos_dir / name).unlink(missing_ok=True)
        self._images.remove_expired(expired_before=self._database.now() - grace_seconds)
        if not self._rendering:
            for partial_file in self._settings.videos_dir.glob("*.part"):
                partial_file.unlink(missing_ok=True)


def _choose_outcome(task: TaskRow) -> tuple[str, tuple[str, str]]:
    if task.behaviour.failure is not None:
        return task.behaviour.outcome, task.behaviour.failure
    return "completed", ("", "")
