"""The SQLite file of the sandbox and its schema."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# Credits are stored in ten-thousandths: EvoLink shows four decimals.
SCHEMA = """
CREATE TABLE IF NOT EXISTS account (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    remaining INTEGER NOT NULL,
    used INTEGER NOT NULL,
    filled_on INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    task TEXT NOT NULL,
    amount INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS entry_task ON entry (task);
CREATE TABLE IF NOT EXISTS task (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    token TEXT NOT NULL UNIQUE,
    idempotency_key TEXT UNIQUE,
    digest TEXT NOT NULL,
    model TEXT NOT NULL,
    prompt_text TEXT NOT NULL,
    plan_json TEXT NOT NULL,
    video_name TEXT NOT NULL,
    video_state INTEGER NOT NULL,
    base_url TEXT NOT NULL,
    created_at REAL NOT NULL,
    starts_at REAL NOT NULL,
    progress_seconds REAL NOT NULL,
    due_at REAL NOT NULL,
    estimated_seconds INTEGER NOT NULL,
    video_seconds INTEGER NOT NULL,
    reserved_units INTEGER NOT NULL,
    charged_units INTEGER NOT NULL DEFAULT 0,
    outcome TEXT,
    error_code TEXT NOT NULL DEFAULT '',
    error_message TEXT NOT NULL DEFAULT '',
    finished_at REAL,
    callback_url TEXT NOT NULL,
    callback_at REAL,
    callback_attempts INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS task_open ON task (video_state, due_at) WHERE outcome IS NULL;
CREATE INDEX IF NOT EXISTS task_callbacks ON task (callback_at) WHERE callback_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS task_videos ON task (finished_at) WHERE video_state = 1;
CREATE TABLE IF NOT EXISTS image (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    format TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    expires_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS attempt (fingerprint TEXT PRIMARY KEY, tries INTEGER NOT NULL);
"""


class Database:
    """The connection to the SQLite file. `clock` returns unix seconds."""

    def __init__(self, path: Path | str, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        if isinstance(path, Path):
            path.parent.mkdir(parents=True, exist_ok=True)
        # The server uses it in one thread, but another thread may have created it.
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute("PRAGMA busy_timeout=5000")
        self._connection.executescript(SCHEMA)

    def now(self) -> float:
        return self._clock()

    def fetch_all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        return self._connection.execute(sql, values).fetchall()

    def fetch_one(self, sql: str, *values: object) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def execute(self, sql: str, *values: object) -> int:
        """Run one statement that writes; returns the number of changed rows."""
        return self._connection.execute(sql, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction; rolled back if the block raises."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()
