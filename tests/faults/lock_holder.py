"""A process that holds the database's write lock until its input ends. Argument: DATABASE_URL.

On SQLite nobody else can write meanwhile; on PostgreSQL nobody can count a feed on, which every
press and every move does.
"""

import sqlite3
import sys
from contextlib import closing

import psycopg


def main(database_url: str) -> None:
    if database_url.startswith("sqlite"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as database:
            database.execute("BEGIN IMMEDIATE")
            _wait_while_locked()
            database.rollback()
    else:
        with psycopg.connect(database_url) as database:
            database.execute("LOCK TABLE generations_changefeed IN EXCLUSIVE MODE")
            _wait_while_locked()


def _wait_while_locked() -> None:
    sys.stdout.write("held\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
