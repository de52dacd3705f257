"""The rows of tasks."""

import json
import secrets
import sqlite3
import string
from dataclasses import asdict, dataclass

from evolink_studio.sandbox.database import Store
from evolink_studio.sandbox.scenarios import Plot, plot_of
from evolink_studio.sandbox.video.plan import Sketch

LETTERS = string.ascii_lowercase + string.digits

# Seen from outside a task is pending until its work begins; the row only keeps how it ended.
STATUSES = {
    "pending": ("outcome IS NULL AND works_at > ?", True),
    "processing": ("outcome IS NULL AND works_at <= ?", True),
    "completed": ("outcome = 'completed'", False),
    "failed": ("outcome = 'failed'", False),
    "cancelled": ("outcome = 'cancelled'", False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """What is kept of an accepted request. Times are unix seconds, credits ten-thousandths."""

    id: str
    token: str
    idempotency_key: str | None
    digest: str
    model: str
    words: str
    sketch: str
    film_name: str
    film_made: int
    base_url: str
    created: float
    works_at: float
    climbs: float
    due_at: float
    estimate: int
    seconds: int
    reserved: int
    callback_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(NewTask):
    """A row: what was accepted, and how it went on."""

    charged: int
    outcome: str | None
    error_code: str
    error_message: str
    finished_at: float | None
    callback_at: float | None
    callback_tries: int

    @property
    def plot(self) -> Plot:
        return plot_of(self.words)

    def sketched(self) -> Sketch:
        fields = json.loads(self.sketch)
        return Sketch(**{**fields, "pictures": tuple(fields["pictures"])})


_COLUMNS = ", ".join(Task.__dataclass_fields__)
_SELECT = f"SELECT {_COLUMNS} FROM task "  # noqa: S608  # names of our own fields
_NEW = ", ".join(NewTask.__dataclass_fields__)
_MARKS = ", ".join("?" for _ in NewTask.__dataclass_fields__)


def new_id(now: float) -> str:
    """EvoLink documentation, stated 2026-11-20: `task-unified-<unix>-<8 chars>`."""
    return f"task-unified-{int(now)}-" + "".join(secrets.choice(LETTERS) for _ in range(8))


class Tasks:
    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, task: NewTask) -> None:
        self._store.change(
            f"INSERT INTO task ({_NEW}) VALUES ({_MARKS})",  # noqa: S608  # names of our own fields
            *asdict(task).values(),
        )

    def get(self, task_id: str) -> Task | None:
        return self._one("id = ?", task_id)

    def by_idempotency_key(self, key: str) -> Task | None:
        return self._one("idempotency_key = ?", key)

    def by_token(self, token: str) -> Task | None:
        return self._one("token = ?", token)

    def page(self, *, status: str, model: str, limit: int, offset: int) -> tuple[list[Task], int]:
        """Tasks newest first, and how many there are in all. An unknown status matches none."""
        wheres, values = ["1"], list[object]()
        if status:
            where, timed = STATUSES.get(status, ("0", False))
            wheres.append(where)
            values += [self._store.now()] if timed else []
        if model:
            wheres.append("model = ?")
            values.append(model)
        where = " AND ".join(wheres)
        count = self._store.row(
            f"SELECT count(*) FROM task WHERE {where}",  # noqa: S608  # fixed texts
            *values,
        )
        found = self._many(f"{where} ORDER BY number DESC LIMIT ? OFFSET ?", *values, limit, offset)
        return found, count[0] if count else 0

    def to_render(self, limit: int) -> list[Task]:
        """Films to be made whose work has begun, the most urgent first."""
        return self._many(
            "outcome IS NULL AND film_made = 0 AND works_at <= ? ORDER BY due_at LIMIT ?",
            self._store.now(),
            limit,
        )

    def to_finish(self, limit: int) -> list[Task]:
        return self._many(
            "outcome IS NULL AND film_made = 1 AND due_at <= ? ORDER BY due_at LIMIT ?",
            self._store.now(),
            limit,
        )

    def to_call(self, limit: int) -> list[Task]:
        return self._many("callback_at <= ? ORDER BY callback_at LIMIT ?", self._store.now(), limit)

    def film_made(self, task_id: str) -> None:
        self._store.change("UPDATE task SET film_made = 1 WHERE id = ?", task_id)

    def finish(self, task: Task, outcome: str, charged: int, code: str, message: str) -> None:
        now = self._store.now()
        self._store.change(
            "UPDATE task SET outcome = ?, charged = ?, error_code = ?, error_message = ?,"
            " finished_at = ?, callback_at = ? WHERE id = ? AND outcome IS NULL",
            outcome,
            charged,
            code,
            message,
            now,
            now if task.callback_url else None,
            task.id,
        )

    def called(self, task_id: str, *, again_at: float | None) -> None:
        self._store.change(
            "UPDATE task SET callback_tries = callback_tries + 1, callback_at = ? WHERE id = ?",
            again_at,
            task_id,
        )

    def forget_films(self, finished_before: float) -> list[str]:
        """File names of films whose links have died; they are named once."""
        found = self._store.rows(
            "UPDATE task SET film_made = 2 WHERE film_made = 1 AND finished_at < ?"
            " RETURNING film_name",
            finished_before,
        )
        return [row["film_name"] for row in found]

    def _one(self, where: str, *values: object) -> Task | None:
        row = self._store.row(_SELECT + "WHERE " + where, *values)
        return None if row is None else _task(row)

    def _many(self, where: str, *values: object) -> list[Task]:
        return [_task(row) for row in self._store.rows(_SELECT + "WHERE " + where, *values)]


def _task(row: sqlite3.Row) -> Task:
    return Task(**dict(row))
