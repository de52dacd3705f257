"""The works: carry every accepted task to its end.

Everything that must happen is a row that becomes due, so a killed sandbox goes on where it was.
One `step` starts films whose work has begun, ends tasks whose time has come, and calls back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from decimal import Decimal
from typing import Any, TypeAlias

import structlog

from evolink_studio.sandbox.callbacks import Caller, next_try
from evolink_studio.sandbox.database import Store
from evolink_studio.sandbox.image_repository import Pictures
from evolink_studio.sandbox.ledger import Ledger
from evolink_studio.sandbox.serializers import task_answer
from evolink_studio.sandbox.settings import RESULT_LIFE, SandboxSettings
from evolink_studio.sandbox.task_repository import Task, Tasks
from evolink_studio.sandbox.video.storyboard import Storyboard
from evolink_studio.sandbox.video.subprocess_renderer import NotMade, render_apart

Render: TypeAlias = Callable[[Storyboard], Awaitable[None]]

TICK = 0.1
SWEEP = 600.0
AT_ONCE = 200
CALLS_AT_ONCE = 20
MOST_RENDERS = 3
SHARED = "shared-"
SHARED_WORDS = "One film for many tasks"

log = structlog.get_logger(__name__)


class Works:
    def __init__(
        self,
        store: Store,
        settings: SandboxSettings,
        ledger: Ledger,
        caller: Caller,
        render: Render = render_apart,
    ) -> None:
        self._store = store
        self._settings = settings
        self._ledger = ledger
        self._caller = caller
        self._render = render
        self._tasks = Tasks(store)
        self._pictures = Pictures(store, settings.pictures_dir)
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._rendering: set[str] = set()
        self._misses: dict[str, int] = {}
        self._next_sweep = 0.0
        self._stepped = asyncio.Condition()
        settings.films_dir.mkdir(parents=True, exist_ok=True)

    async def run(self) -> None:
        """Steps until cancelled; then films in the making are given up, to be made again."""
        try:
            while True:
                try:
                    self.step()
                except Exception:  # a full disk or a locked file passes; the works must not stop
                    log.exception("sandbox step failed")
                async with self._stepped:
                    self._stepped.notify_all()
                await asyncio.sleep(TICK * min(1.0, max(0.1, self._settings.pace)))
        finally:
            running = list(self._busy.values())
            for work in running:
                work.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def step(self) -> None:
        """Start and end all that is due now."""
        self._start_films()
        self._end_tasks()
        self._start_calls()
        if self._store.now() >= self._next_sweep:
            self._next_sweep = self._store.now() + SWEEP
            self._sweep()

    async def settled(self) -> None:
        """Wait for the films and calls that are under way."""
        while self._busy:
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def called_back(self, task_id: str, patience: float = 20.0) -> None:
        """Wait until a task has ended and its callback was sent or given up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience), self._stepped:
                await self._stepped.wait_for(lambda: self._is_over(task_id))

    def _is_over(self, task_id: str) -> bool:
        task = self._tasks.get(task_id)
        return task is None or (task.outcome is not None and task.callback_at is None)

    def _start_films(self) -> None:
        for task in self._tasks.to_render(AT_ONCE):
            if (self._settings.films_dir / task.film_name).exists():
                self._tasks.film_made(task.id)
            elif task.film_name not in self._rendering:
                if len(self._rendering) >= self._settings.renderers:
                    return
                self._rendering.add(task.film_name)
                self._start(f"film {task.id}", self._make_film(task))

    async def _make_film(self, task: Task) -> None:
        try:
            await self._render(self._board(task))
            self._tasks.film_made(task.id)
        except NotMade as problem:
            log.warning("sandbox film not made", task=task.id, problem=str(problem))
            self._misses[task.id] = self._misses.get(task.id, 0) + 1
            if self._misses[task.id] >= MOST_RENDERS:
                self._end(task, "failed", ("service_error", "The film could not be made."))
        finally:
            self._rendering.discard(task.film_name)

    def _board(self, task: Task) -> Storyboard:
        sketch = task.sketched()
        names = [self._settings.pictures_dir / name for name in sketch.pictures]
        return Storyboard(
            target=str(self._settings.films_dir / task.film_name),
            width=sketch.width,
            height=sketch.height,
            fps=sketch.fps,
            seconds=sketch.seconds,
            words=SHARED_WORDS if task.plot.shared_film else sketch.words,
            facts=sketch.facts,
            sound=sketch.sound,
            pictures=tuple(str(path) for path in names if path.exists()),
        )

    def _end_tasks(self) -> None:
        due = self._tasks.to_finish(AT_ONCE)
        if not due:
            return
        with self._store.together():
            for task in due:
                self._end_within(task, *_ending(task))

    def _end(self, task: Task, outcome: str, failure: tuple[str, str]) -> None:
        with self._store.together():
            self._end_within(task, outcome, failure)

    def _end_within(self, task: Task, outcome: str, failure: tuple[str, str]) -> None:
        share = task.plot.charge or ("1" if outcome == "completed" else "0")
        charged = int(task.reserved * Decimal(share))
        self._tasks.finish(task, outcome, charged, *failure)
        self._ledger.settle(task.id, task.reserved, charged)

    def _start_calls(self) -> None:
        for task in self._tasks.to_call(CALLS_AT_ONCE):
            name = f"call {task.id}"
            if name not in self._busy:
                self._start(name, self._call(task))

    async def _call(self, task: Task) -> None:
        body = task_answer(task, self._store.now())
        answered = False
        for _ in range(task.plot.callbacks):
            answered = await self._caller.post(task.callback_url, body)
        tries = task.callback_tries + 1
        again = None if answered else next_try(tries, self._store.now())
        self._tasks.called(task.id, again_at=again)

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._busy[name] = asyncio.get_running_loop().create_task(work, name=name)
        self._busy[name].add_done_callback(lambda done: self._done(name, done))

    def _done(self, name: str, done: asyncio.Task[None]) -> None:
        self._busy.pop(name, None)
        problem = None if done.cancelled() else done.exception()
        if problem is not None:
            log.error("sandbox work failed", work=name, problem=repr(problem))

    def _sweep(self) -> None:
        """Films and pictures go an hour after their links have died."""
        grace = 3600.0
        before = self._store.now() - RESULT_LIFE - grace
        for name in self._tasks.forget_films(before):
            if not name.startswith(SHARED):
                (self._settings.films_dir / name).unlink(missing_ok=True)
        self._pictures.remove_expired(expired_before=self._store.now() - grace)
        if not self._rendering:
            for part in self._settings.films_dir.glob("*.part"):
                part.unlink(missing_ok=True)


def _ending(task: Task) -> tuple[str, tuple[str, str]]:
    if task.plot.failure is not None:
        return task.plot.outcome, task.plot.failure
    return "completed", ("", "")
