"""What usage costs in a studio with a history: its pages, its totals, its upkeep and its proof.

Runs in a process of its own, on the database of a `HistoryInstance`. Milliseconds of processor: of
this process, and on PostgreSQL also of the server's process that answers it, where that one can be
seen (the server is on this machine).
"""

import os
import resource
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from bench.figures import median
from bench.generation_rows import MODEL_ID, PROMPT
from evolink_studio.accounts.models import User
from evolink_studio.catalog import SPECS
from evolink_studio.core.calendar import get_day
from evolink_studio.generations.admin.list_totals import sum_up_to
from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.services import create_generation
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from evolink_studio.generations.usage_report import UsageFilter, sum_usage
from evolink_studio.generations.usage_rollup import TRIGGERS, ensure_rollup, prove_rollup

ROUND_COUNT = 20
WARM_UP_COUNT = 2
WRITE_ROUND_COUNT = 5
WRITES_PER_ROUND = 30
CREDITS = Decimal("10.5")
USAGE_URL = "/admin/generations/generation/usage/"
ALL_DAYS = timedelta(days=600)


def measure_reads() -> dict[str, float]:
    """Milliseconds by name, of ROUND_COUNT times each."""
    client = Client(SERVER_NAME="127.0.0.1")
    owner = User.objects.get(username="person0")
    client.force_login(owner, "django.contrib.auth.backends.ModelBackend")
    today = get_day(timezone.now())
    return {
        "usage page, 30 days": _measure(lambda: _get(client, USAGE_URL)),
        "usage page, all time": _measure(lambda: _get(client, _usage_url(today - ALL_DAYS, today))),
        "overview": _measure(lambda: _get(client, "/admin/")),
        "totals of the list, unfiltered": _measure(lambda: sum_usage(UsageFilter())),
        "totals of the list, one state": _measure(
            lambda: sum_usage(UsageFilter(states=[State.COMPLETED]))
        ),
        "totals of the list, one person": _measure(
            lambda: sum_usage(UsageFilter(owner_id=owner.pk))
        ),
        "totals of the list, by a filter of no roll-up": _measure(
            lambda: sum_up_to(10_000, Generation.objects.filter(charge=Charge.CHARGED))
        ),
    }


def measure_writes() -> dict[str, float]:
    """Milliseconds of a press and of a transition, with the roll-up and without."""
    person = User.objects.get(username="person1")
    costs: dict[str, list[float]] = {}
    for _ in range(WRITE_ROUND_COUNT):
        for name, is_counted in (("", True), (", uncounted", False)):
            if is_counted:
                _require(TRIGGERS.exist())
            press, end = _measure_writes(person, is_counted=is_counted)
            costs.setdefault(f"press{name}", []).append(press)
            costs.setdefault(f"transition{name}", []).append(end)
    return {name: min(values) for name, values in costs.items()}


def measure_proof() -> dict[str, float]:
    """Seconds of processor of a whole proof, of its longest step, and MB at its peak."""
    with _processor() as spent:
        steps, longest_step = prove_rollup(None), 0.0
        while True:
            begin = time.process_time()
            step = next(steps, None)
            longest_step = max(longest_step, time.process_time() - begin)
            if step is None:
                break
            _require(not step.findings)
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    TRIGGERS.drop()
    with _processor() as rebuilt:
        _require(ensure_rollup())
    return {
        "proof": spent.seconds,
        "longest step": longest_step,
        "peak MB": peak_kb / 1024,
        "rebuild": rebuilt.seconds,
    }


def _measure_writes(person: User, *, is_counted: bool) -> tuple[float, float]:
    """Nothing of it is kept."""
    with transaction.atomic():
        if not is_counted:
            TRIGGERS.drop()
        with _processor() as pressing:
            rows = [_press(person) for _ in range(WRITES_PER_ROUND)]
        with _processor() as sending:
            for row in rows:
                _require(transition(row, State.SENDING, now=timezone.now()))
        transaction.set_rollback(True)
    per_write = 1000 / WRITES_PER_ROUND
    return pressing.seconds * per_write, sending.seconds * per_write


def _press(person: User) -> Generation:
    return create_generation(
        owner=person,
        spec=SPECS[MODEL_ID],
        params={"prompt": PROMPT, "duration": 5, "quality": "480p", "aspect_ratio": "16:9"},
        assets=[],
        form_key=uuid.uuid4(),
        credits_estimated=CREDITS,
        now=timezone.now(),
    ).generation


@dataclass
class _Spent:
    seconds: float = 0.0


@contextmanager
def _processor() -> Iterator[_Spent]:
    """Counts the processor time of this process and of the server's process that answers it."""
    spent, server_begin, begin = _Spent(), _read_server_seconds(), time.process_time()
    yield spent
    spent.seconds = time.process_time() - begin + _read_server_seconds() - server_begin


def _read_server_seconds() -> float:
    if connection.vendor != "postgresql":
        return 0.0
    connection.ensure_connection()
    stat_file = Path(f"/proc/{connection.connection.info.backend_pid}/stat")
    try:
        fields = stat_file.read_text().rpartition(")")[2].split()
    except OSError:  # the server is on another machine
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _measure(step: Callable[[], object]) -> float:
    """The median here, and the mean there: the server's clock ticks every ten milliseconds."""
    durations = []
    for _ in range(WARM_UP_COUNT):
        step()
    server_begin = _read_server_seconds()
    for _ in range(ROUND_COUNT):
        begin = time.process_time()
        step()
        durations.append(time.process_time() - begin)
    server_seconds = _read_server_seconds() - server_begin
    return (median(durations) + server_seconds / ROUND_COUNT) * 1000


def _get(client: Client, url: str) -> None:
    answer = client.get(url)
    if answer.status_code != 200:
        raise RuntimeError(f"{url} was answered with {answer.status_code}")


def _usage_url(first_day: date, last_day: date) -> str:
    return f"{USAGE_URL}?created_from={first_day}&created_to={last_day}"


def _require(condition: bool) -> None:
    if not condition:
        raise RuntimeError("the roll-up is not as it should be")
