"""PostgreSQL is restarted, or crashes, in the midst of two workers' transactions.

`scripts/with-postgres` starts it again, as a service manager would.
"""

import os
import random
import signal
import time
from pathlib import Path

import pytest
from django.db import connection

from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import ENDED_STATES, State
from tests.engine.test_distributed import (
    PATIENCE,
    WISHES,
    _no_old_jobs,
    all_ended,
    doubled,
    far,
    posts,
    press,
    states,
    until,
    workers,
)
from tests.faults.conftest import SIZE
from tests.faults.table import tally

__all__ = ["_no_old_jobs", "far", "press"]
__test__ = connection.vendor == "postgresql"
pytestmark = [
    pytest.mark.postgres,
    pytest.mark.faults,
    pytest.mark.alone,
    pytest.mark.django_db(transaction=True),
]

RESTARTS = min(2 * SIZE, 20)


def test_work_goes_on_after_the_database_was_restarted_in_its_midst(press, far, tmp_path):
    chance = random.Random(3)
    pressed = 0
    with tally("Database: PostgreSQL restarted in mid-transaction") as counted:
        with workers(2, far, tmp_path):
            for number in range(RESTARTS):
                press(WISHES)
                pressed += WISHES
                paid = far.paid
                until(lambda paid=paid: far.paid > paid + WISHES // 3)
                time.sleep(chance.uniform(0, 0.2))
                restart((signal.SIGINT, signal.SIGQUIT)[number % 2])
                counted.cases += 1
            until(all_ended)
            press(2)
            until(lambda: Generation.objects.filter(state__in=ENDED_STATES).count() >= WISHES)
            until(all_ended)
        found = states()
        assert found[State.COMPLETED] + found[State.UNKNOWN] == pressed + 2
        assert far.paid == len(posts(far))
        assert doubled(far) == 0
        assert audit_ledger_with_generations().findings == ()


def restart(how: signal.Signals) -> None:
    """End the server in the midst of its work; `scripts/with-postgres` starts it again."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        notes = Path(cursor.fetchone()[0]) / "postmaster.pid"
    connection.close()
    before = notes.read_text().splitlines()[0]
    os.kill(int(before), how)
    deadline = time.monotonic() + PATIENCE
    while not _is_ready(notes, before):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _is_ready(notes: Path, before: str) -> bool:
    lines = notes.read_text().splitlines() if notes.exists() else []
    return len(lines) > 7 and lines[0] != before and lines[7].startswith("ready")
