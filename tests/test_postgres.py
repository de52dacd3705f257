"""PostgreSQL: the throwaway server that tests use, and what the studio asks of a connection."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from evolink_studio.environment import ROOT

SCRIPT = ROOT / "scripts" / "with-postgres"
CONNECT_SCRIPT = "import os, sys, psycopg; line = psycopg.connect(os.environ['DATABASE_URL'])\n"
PRINT_DATA_FOLDER_SCRIPT = "print(line.execute('SHOW data_directory').fetchone()[0], flush=True)\n"


def start_script(*command: str, **options) -> "subprocess.Popen[str]":
    return subprocess.Popen([SCRIPT, *command], stdout=subprocess.PIPE, text=True, **options)


def python_command(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_a_command_gets_an_empty_database_and_nothing_is_left_of_it():
    text = (
        CONNECT_SCRIPT
        + PRINT_DATA_FOLDER_SCRIPT
        + "print(line.execute('SELECT count(*) FROM pg_tables').fetchone()[0])"
    )
    running = start_script(*python_command(text))
    output, _ = running.communicate(timeout=120)
    assert running.returncode == 0
    folder, tables = output.split()
    assert int(tables) < 100, "only PostgreSQL's own"
    assert not Path(folder).exists()


def test_the_status_of_the_command_is_the_status_of_the_script():
    assert start_script("sh", "-c", "exit 7").wait(120) == 7


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_command_which_may_end_in_its_own_way(number):
    text = (
        "import signal, sys, time\n"
        "def end(*_): print('told', flush=True); sys.exit(5)\n"
        f"signal.signal({int(number)}, end)\n{CONNECT_SCRIPT}{PRINT_DATA_FOLDER_SCRIPT}"
        "while True: time.sleep(1)"
    )
    running = start_script(*python_command(text), stdin=subprocess.DEVNULL)
    assert running.stdout is not None
    folder = Path(running.stdout.readline().strip())
    running.send_signal(number)
    assert running.communicate(timeout=60)[0].strip() == "told"
    assert running.returncode == 5
    assert not folder.exists()


def test_a_killed_script_takes_its_server_with_it():
    text = (
        f"import time\n{CONNECT_SCRIPT}print(os.environ['DATABASE_URL'], flush=True)\n"
        "while True: time.sleep(1)"
    )
    running = start_script(*python_command(text))
    assert running.stdout is not None
    url = running.stdout.readline().strip()
    with psycopg.connect(url) as line:
        row = line.execute("SHOW data_directory").fetchone()
        assert row is not None
    running.kill()
    deadline = time.monotonic() + 90
    while Path(row[0], "postmaster.pid").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    subprocess.run(["rm", "-r", Path(row[0]).parent], check=True)


STUDIO_PARTS_SCRIPT = """
import json, sys, django
django.setup()
from django.apps import apps
from django.conf import settings
from evolink_studio.worker.management.commands.worker import WORKER_CLASSES
from evolink_studio.generations.signals import work_due
kind = settings.DATABASES["default"]["ENGINE"].rpartition(".")[2].rstrip("3")
print(json.dumps({
    "jobs": apps.is_installed("procrastinate.contrib.django"),
    "loaded": "procrastinate" in sys.modules,
    "listeners": [key[0] for key, *_ in work_due.receivers],
    "worker": WORKER_CLASSES[kind].rpartition(".")[2],
    "options": str(settings.DATABASES["default"]["OPTIONS"].get("options", "")),
}))
"""


def read_studio_parts(folder: Path, database: str) -> dict[str, object]:
    """What a studio with this database is made of; nobody connects."""
    names = {"DJANGO_SETTINGS_MODULE": "evolink_studio.settings", "STUDIO_DATA": str(folder)}
    env = {**os.environ, **names, "DATABASE_URL": database}
    process = subprocess.run(
        python_command(STUDIO_PARTS_SCRIPT), env=env, cwd=ROOT, capture_output=True, check=True
    )
    answer: dict[str, object] = json.loads(process.stdout)
    return answer


def test_a_studio_on_sqlite_knows_nothing_of_jobs(tmp_path):
    parts = read_studio_parts(tmp_path, "")
    assert (parts["jobs"], parts["loaded"]) == (False, False)
    assert parts["listeners"] == ["wake-up"]
    assert parts["worker"] == "Worker"


def test_a_studio_on_postgresql_runs_its_stages_as_jobs(tmp_path):
    parts = read_studio_parts(tmp_path, "postgres://studio@nowhere.invalid/studio")
    assert (parts["jobs"], parts["loaded"]) == (True, True)
    assert parts["listeners"] == ["wake-up", "send"]
    assert parts["worker"] == "DistributedWorker"
    assert "synchronous_commit=on" in str(parts["options"])


def test_an_operator_may_set_other_patience_in_the_address_and_no_less_care(tmp_path):
    url = "postgres://studio@nowhere.invalid/studio?options=-c%20statement_timeout%3D5s"
    options = str(read_studio_parts(tmp_path, url)["options"])
    assert options.rfind("statement_timeout=5s") > options.rfind("statement_timeout=30s")
    assert "synchronous_commit=on" in options
