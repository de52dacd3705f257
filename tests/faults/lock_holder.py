"""A process that holds the database's write lock and lets go. Arguments: DATABASE_URL, seconds.

On SQLite nobody else can write meanwhile; on PostgreSQL nobody can count a feed on, which every
press and every move does.
"""

import sqlite3
import sys
import time
from contextlib import closing

import psycopg


def main(database_url: str, seconds: float) -> None:
    if database_url.startswith("sqlite"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as database:
            database.execute("BEGIN IMMEDIATE")
            _wait_while_locked(seconds)
            database.rollback()
    else:
        with psycopg.connect(database_url) as database:
            database.execute("LOCK TABLE generations_changefeed IN EXCLUSIVE MODE")
            _wait_while_locked(seconds)


def _wait_while_locked(seconds: float) -> None:
    sys.stdout.write("held\n")
    sys.stdout.flush()
    time.sleep(seconds)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
