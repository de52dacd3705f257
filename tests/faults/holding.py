"""A process that holds the database's write lock and lets go: `holding DATABASE_URL SECONDS`.

On SQLite nobody else can write meanwhile; on PostgreSQL nobody can count a feed on, which every
press and every move does.
"""

import sqlite3
import sys
import time
from contextlib import closing

import psycopg


def main(address: str, seconds: float) -> None:
    if address.startswith("sqlite"):
        with closing(sqlite3.connect(address.removeprefix("sqlite:///"))) as held:
            held.execute("BEGIN IMMEDIATE")
            _hold(seconds)
            held.rollback()
    else:
        with psycopg.connect(address) as held:
            held.execute("LOCK TABLE generations_changefeed IN EXCLUSIVE MODE")
            _hold(seconds)


def _hold(seconds: float) -> None:
    sys.stdout.write("held\n")
    sys.stdout.flush()
    time.sleep(seconds)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
