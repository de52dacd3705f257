"""Reads and writes the rows of tasks."""

import json
import secrets
import sqlite3
import string
from dataclasses import asdict, dataclass

from evolink_studio.sandbox.database import Database
from evolink_studio.sandbox.scenarios import Behaviour, behaviour_of
from evolink_studio.sandbox.video.plan import VideoPlan

ID_CHARACTERS = string.ascii_lowercase + string.digits

# SQL by public status, and whether it takes the current time. The row only stores the outcome.
STATUS_CONDITIONS = {
    "pending": ("outcome IS NULL AND starts_at > ?", True),
    "processing": ("outcome IS NULL AND starts_at <= ?", True),
    "completed": ("outcome = 'completed'", False),
    "failed": ("outcome = 'failed'", False),
    "cancelled": ("outcome = 'cancelled'", False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """An accepted request. Times in unix seconds, `…_units` in ten-thousandths of a credit."""

    id: str
    token: str
    idempotency_key: str | None
    digest: str
    model: str
    prompt_text: str
    plan_json: str
    video_name: str
    video_state: int
    base_url: str
    created_at: float
    starts_at: float
    progress_seconds: float
    due_at: float
    estimated_seconds: int
    video_seconds: int
    reserved_units: int
    callback_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow(NewTask):
    """A row: the accepted request, its outcome and its callbacks."""

    charged_units: int
    outcome: str | None
    error_code: str
    error_message: str
    finished_at: float | None
    callback_at: float | None
    callback_attempts: int

    @property
    def behaviour(self) -> Behaviour:
        return behaviour_of(self.prompt_text)

    def load_plan(self) -> VideoPlan:
        fields = json.loads(self.plan_json)
        return VideoPlan(**{**fields, "image_ids": tuple(fields["image_ids"])})


_COLUMNS = ", ".join(TaskRow.__dataclass_fields__)
_SELECT = f"SELECT {_COLUMNS} FROM task "  # noqa: S608  # names of our own fields
_NEW_COLUMNS = ", ".join(NewTask.__dataclass_fields__)
_PLACEHOLDERS = ", ".join("?" for _ in NewTask.__dataclass_fields__)


def generate_task_id(now: float) -> str:
    """EvoLink documentation, stated 2026-11-20: `task-unified-<unix>-<8 chars>`."""
    return f"task-unified-{int(now)}-" + "".join(secrets.choice(ID_CHARACTERS) for _ in range(8))


class TaskRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, task: NewTask) -> None:
        self._database.execute(
            f"INSERT INTO task ({_NEW_COLUMNS}) VALUES ({_PLACEHOLDERS})",  # noqa: S608  # names of our own fields
            *asdict(task).values(),
        )

    def get(self, task_id: str) -> TaskRow | None:
        return self._fetch_one("id = ?", task_id)

    def find_by_idempotency_key(self, key: str) -> TaskRow | None:
        return self._fetch_one("idempotency_key = ?", key)

    def find_by_token(self, token: str) -> TaskRow | None:
        return self._fetch_one("token = ?", token)

    def list_page(
        self, *, status: str, model: str, limit: int, offset: int
    ) -> tuple[list[TaskRow], int]:
        """A page of tasks, newest first, and the total. An unknown status matches none."""
        conditions, values = ["1"], list[object]()
        if status:
            where, needs_now = STATUS_CONDITIONS.get(status, ("0", False))
            conditions.append(where)
            values += [self._database.now()] if needs_now else []
        if model:
            conditions.append("model = ?")
            values.append(model)
        where = " AND ".join(conditions)
        count_row = self._database.fetch_one(
            f"SELECT count(*) FROM task WHERE {where}",  # noqa: S608  # fixed texts
            *values,
        )
        tasks = self._fetch_many(
            f"{where} ORDER BY number DESC LIMIT ? OFFSET ?", *values, limit, offset
        )
        return tasks, count_row[0] if count_row else 0

    def list_to_render(self, limit: int) -> list[TaskRow]:
        """Started tasks without a film, the first due first."""
        return self._fetch_many(
            "outcome IS NULL AND video_state = 0 AND starts_at <= ? ORDER BY due_at LIMIT ?",
            self._database.now(),
            limit,
        )

    def list_to_finish(self, limit: int) -> list[TaskRow]:
        return self._fetch_many(
            "outcome IS NULL AND video_state = 1 AND due_at <= ? ORDER BY due_at LIMIT ?",
            self._database.now(),
            limit,
        )

    def list_to_call_back(self, limit: int) -> list[TaskRow]:
        return self._fetch_many(
            "callback_at <= ? ORDER BY callback_at LIMIT ?", self._database.now(), limit
        )

    def has_pending(self) -> bool:
        """Whether a task has not ended, or its end was not called back."""
        row = self._database.fetch_one(
            "SELECT EXISTS (SELECT 1 FROM task WHERE outcome IS NULL)"
            " OR EXISTS (SELECT 1 FROM task WHERE callback_at IS NOT NULL)"
        )
        return row is not None and bool(row[0])

    def mark_video_made(self, task_id: str) -> None:
        self._database.execute("UPDATE task SET video_state = 1 WHERE id = ?", task_id)

    def finish_task(
        self, task: TaskRow, outcome: str, charged_units: int, code: str, message: str
    ) -> None:
        now = self._database.now()
        self._database.execute(
            "UPDATE task SET outcome = ?, charged_units = ?, error_code = ?, error_message = ?,"
            " finished_at = ?, callback_at = ? WHERE id = ? AND outcome IS NULL",
            outcome,
            charged_units,
            code,
            message,
            now,
            now if task.callback_url else None,
            task.id,
        )

    def record_callback_attempt(self, task_id: str, *, next_attempt_at: float | None) -> None:
        self._database.execute(
            "UPDATE task SET callback_attempts = callback_attempts + 1, callback_at = ?"
            " WHERE id = ?",
            next_attempt_at,
            task_id,
        )

    def expire_videos(self, finished_before: float) -> list[str]:
        """Mark videos whose links have ended as expired; returns their file names."""
        rows = self._database.fetch_all(
            "UPDATE task SET video_state = 2 WHERE video_state = 1 AND finished_at < ?"
            " RETURNING video_name",
            finished_before,
        )
        return [row["video_name"] for row in rows]

    def _fetch_one(self, where: str, *values: object) -> TaskRow | None:
        row = self._database.fetch_one(_SELECT + "WHERE " + where, *values)
        return None if row is None else _task_from_row(row)

    def _fetch_many(self, where: str, *values: object) -> list[TaskRow]:
        return [
            _task_from_row(row)
            for row in self._database.fetch_all(_SELECT + "WHERE " + where, *values)
        ]


def _task_from_row(row: sqlite3.Row) -> TaskRow:
    return TaskRow(**dict(row))
