"""Long lists as files, and the proof of the ledger, with a history behind them.

How long a list takes until its first byte, which is how long it holds a thread of the web server;
how fast the worker writes a file, and how long it keeps the worker from other things at a time;
what the proof takes. Processor time counts: other work on the machine spoils the other kind.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from django.test import Client
from django.utils import timezone

from bench.figures import Figure
from bench.generation_rows import create_completed
from bench.instances import BenchInstance, InstanceFactory
from bench.signed_in_users import SignedInUser, create_signed_in_users
from bench.sizes import BenchSize
from evolink_studio.accounts.models import User
from evolink_studio.credits.models import Allowance, AllowanceBalance, LedgerEntry, Reservation
from evolink_studio.environment import ROOT
from evolink_studio.exports import responses, services
from evolink_studio.exports.making import advance_export, make_export
from evolink_studio.exports.models import Export
from evolink_studio.exports.sources import ExportSource, find_source
from evolink_studio.generations.models import Generation
from evolink_studio.worker.exports import SLICE_SECONDS

MAX_FIRST_BYTE_SECONDS = 0.3
MAX_PROOF_SECONDS = 60
MAX_PROOF_MB = 150
ROUND_COUNT = 3
BATCH_SIZE = 500
LEDGER_CSV_URL = "/admin/credits/ledgerentry/csv/"
USAGE_URL = "/admin/generations/generation/usage/"


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    with instances.create_instance() as instance, instance.use_database():
        (user,) = create_signed_in_users(1)
        User.objects.filter(pk=user.user.pk).update(is_staff=True, is_superuser=True)
        _create_history(user, size.library_size)
        yield from _measure_answers(user, size.library_size)
        for name in ("usage", "ledger", "ledger_generations"):
            yield from _measure_file(user.user, name)
        yield from _measure_proof(instance, size.library_size)


def _create_history(user: SignedInUser, count: int) -> None:
    """Generations, and for each of them a reservation and its charge in the ledger."""
    create_completed(user.user, count, now=timezone.now())
    allowance = Allowance.objects.filter(user=None, group=None)[:1].get()
    balance = AllowanceBalance.objects.create(
        allowance=allowance, user=user.user, period="month", period_start="2026-01-01"
    )
    rows = Generation.objects.order_by("pk").values_list("pk", "credits_charged", "created_at")
    used = Decimal(0)
    entries: list[LedgerEntry] = []
    for pk, charged, created_at in rows.iterator():
        common = {"generation_id": pk, "balance": balance, "created_at": created_at}
        amount = charged or Decimal(0)
        used += amount
        entries += [
            LedgerEntry(
                kind="reserve", credits_reserved_delta=amount, credits_used_after=used, **common
            ),
            LedgerEntry(
                kind="settle",
                credits_reserved_delta=-amount,
                credits_charged_delta=amount,
                credits_used_after=used,
                **common,
            ),
        ]
    LedgerEntry.objects.bulk_create(entries, batch_size=BATCH_SIZE)
    Reservation.objects.bulk_create(
        (
            Reservation(
                generation_id=pk, balance=balance, credits=charged or Decimal(0), state="settled"
            )
            for pk, charged, _created_at in rows.iterator()
        ),
        batch_size=BATCH_SIZE,
    )
    AllowanceBalance.objects.filter(pk=balance.pk).update(credits_charged=used)


def _measure_answers(user: SignedInUser, count: int) -> Iterator[Figure]:
    """The whole list, which the worker is asked for, and the longest that is answered at once."""
    today = timezone.now().date()
    long_ago = f"created_from={today - timedelta(days=3650)}&created_to={today}"
    # A film every ten minutes.
    days = responses.MAX_DIRECT_ROWS // 144 - 1
    recently = f"created_from={today - timedelta(days=days)}&created_to={today}"
    label = f"{count:,} generations".replace(",", " ")
    answers = {
        f"CSV of {label}, first byte": f"{USAGE_URL}?as=csv&{long_ago}",
        "CSV of their ledger, first byte": LEDGER_CSV_URL,
        "the longest CSV answered at once: a thread is held": f"{USAGE_URL}?as=csv&{recently}",
    }
    for name, url in answers.items():
        seconds = min(_time_answer(user.client, url) for _ in range(ROUND_COUNT))
        yield Figure(name, seconds, "s", at_most=MAX_FIRST_BYTE_SECONDS)


def _time_answer(client: Client, url: str) -> float:
    """Processor seconds until the answer is complete, which it is before its first byte is sent."""
    begun_at = time.process_time()
    answer = client.get(url)
    if answer.status_code not in (200, 302):
        raise RuntimeError(f"{url} was answered with {answer.status_code}")
    if answer.status_code == 200:
        b"".join(answer)
    return time.process_time() - begun_at


def _measure_file(user: User, name: str) -> Iterator[Figure]:
    source = find_source(name)
    if source is None:
        raise RuntimeError(f"nothing exports {name}")
    export = _request(user, source)
    steps, longest = make_export(export, clock=timezone.now), 0.0
    begun_at, is_going_on = time.process_time(), True
    while is_going_on:
        slice_begun_at = time.process_time()
        is_going_on = advance_export(steps, export, seconds=SLICE_SECONDS)
        longest = max(longest, time.process_time() - slice_begun_at)
    seconds = time.process_time() - begun_at
    if export.state != Export.State.READY:
        raise RuntimeError(f"the export ended as {export.state} {export.failure}")
    yield Figure(f"a file made by the worker, {name}", export.written_count / seconds, "rows/s")
    yield Figure(f"its longest slice, {name}", longest * 1000, "ms")
    services.delete_export(export)


def _request(user: User, source: ExportSource) -> Export:
    today = timezone.now().date()
    query = f"created_from={today - timedelta(days=3650)}&created_to={today}"
    services.request_export(
        user=user,
        source=source,
        query=query if source.name == "usage" else "",
        language="en",
        now=timezone.now(),
    )
    export = services.lease_next(now=timezone.now())
    if export is None:
        raise RuntimeError("no export is due")
    return export


def _measure_proof(instance: BenchInstance, count: int) -> Iterator[Figure]:
    """The command, in a process of its own: all that it takes, with its start."""
    command = [sys.executable, str(ROOT / "manage.py"), "check_ledger"]
    with (instance.folder / "proof.log").open("wb") as log:
        process = subprocess.Popen(command, env=instance.env, stdout=log, stderr=log)
        _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"the ledger does not add up: {(instance.folder / 'proof.log')}")
    label = f"check_ledger with {count:,} generations".replace(",", " ")
    seconds = usage.ru_utime + usage.ru_stime
    yield Figure(f"{label}, processor time", seconds, "s", at_most=MAX_PROOF_SECONDS)
    yield Figure("its memory", usage.ru_maxrss / 1024, "MB", at_most=MAX_PROOF_MB)
