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

from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import ENDED_STATES, State
from tests.faults.conftest import FAULTS_SIZE
from tests.faults.proofs import assert_proved
from tests.faults.report import count_cases
from tests.worker.test_distributed_worker import (
    GENERATION_COUNT,
    TIMEOUT_SECONDS,
    _clear_jobs,
    count_posts,
    count_repeated_posts,
    count_states,
    fake_provider,
    have_all_ended,
    run_workers,
    submit_form,
    wait_until,
)

__all__ = ["_clear_jobs", "fake_provider", "submit_form"]
__test__ = connection.vendor == "postgresql"
pytestmark = [
    pytest.mark.postgres,
    pytest.mark.faults,
    pytest.mark.alone,
    pytest.mark.django_db(transaction=True),
]

RESTART_COUNT = min(2 * FAULTS_SIZE, 20)


def test_work_goes_on_after_the_database_was_restarted_in_its_midst(
    submit_form, fake_provider, tmp_path
):
    random_source = random.Random(3)
    press_count = 0
    with count_cases("Database: PostgreSQL restarted in mid-transaction") as case_counter:
        with run_workers(2, fake_provider, tmp_path):
            for number in range(RESTART_COUNT):
                submit_form(GENERATION_COUNT)
                press_count += GENERATION_COUNT
                paid_count = fake_provider.paid_count
                wait_until(
                    lambda paid_count=paid_count: (
                        fake_provider.paid_count > paid_count + GENERATION_COUNT // 3
                    )
                )
                time.sleep(random_source.uniform(0, 0.2))
                restart_server((signal.SIGINT, signal.SIGQUIT)[number % 2])
                case_counter.cases += 1
            wait_until(have_all_ended)
            submit_form(2)
            wait_until(
                lambda: (
                    Generation.objects.filter(state__in=ENDED_STATES).count() >= GENERATION_COUNT
                )
            )
            wait_until(have_all_ended)
        counts = count_states()
        assert counts[State.COMPLETED] + counts[State.UNKNOWN] == press_count + 2
        assert fake_provider.paid_count == len(count_posts(fake_provider))
        assert count_repeated_posts(fake_provider) == 0
        assert_proved()


def restart_server(stop_signal: signal.Signals) -> None:
    """End the server in the midst of its work; `scripts/with-postgres` starts it again."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        pid_file = Path(cursor.fetchone()[0]) / "postmaster.pid"
    connection.close()
    old_pid = pid_file.read_text().splitlines()[0]
    os.kill(int(old_pid), stop_signal)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not _is_ready(pid_file, old_pid):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _is_ready(pid_file: Path, old_pid: str) -> bool:
    lines = pid_file.read_text().splitlines() if pid_file.exists() else []
    return len(lines) > 7 and lines[0] != old_pid and lines[7].startswith("ready")
