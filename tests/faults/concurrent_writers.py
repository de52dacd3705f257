"""Writers that press, cancel, send, read and save without a pause, each in a process of its own.

    python -m tests.faults.concurrent_writers SECONDS WRITERS

Each is a fork of this process, with a provider of its own in memory. At the end it prints one line
of JSON: what it did, what its provider accepted, and every error of the database.
"""

import asyncio
import json
import multiprocessing
import os
import random
import sys
import time
import uuid
from collections import Counter
from decimal import Decimal

import django

if __name__ == "__main__":
    django.setup()

from django.db import DatabaseError, connections
from django.utils import timezone

from evolink_studio.accounts.models import User
from evolink_studio.catalog import get_spec
from evolink_studio.credits.exceptions import SpendingDenied
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.dispatch import dispatch
from evolink_studio.generations.pipeline.leases import lease_due
from evolink_studio.generations.pipeline.polling import poll_batch
from evolink_studio.generations.pipeline.provider import Provider
from evolink_studio.generations.pipeline.queue import ConcurrencyLimits, lease_next
from evolink_studio.generations.pipeline.reconciliation import recover_interrupted_sends
from evolink_studio.generations.services import cancel, create_generation, record_heartbeat
from evolink_studio.generations.states import State
from tests.faults.in_memory_provider import BILL_BUILDERS, InMemoryClient, InMemoryProvider
from tests.faults.short_timeout_worker import short_timeout_options

MODEL_ID = "veo3.1-pro"
MIN_TASKS = 3  # of each writer, however little time the processor has for it
# SQLite does not queue those who wait for its lock: on a busy machine one may be out of luck for
# longer than the studio waits. That is another test's matter.
LOCK_TIMEOUT_SECONDS = 300


class Writer:
    """Does one thing after the other until its time is over, and counts."""

    def __init__(self, number: int) -> None:
        self.random = random.Random(number)
        self.provider = InMemoryProvider(timezone.now, task_prefix=f"task-{number}")
        self.worker_provider = Provider(InMemoryClient(self.provider), "here", (), "", False)
        self.users = list(User.objects.order_by("pk"))
        self.counts: Counter[str] = Counter()
        self.errors: list[str] = []

    def run_until(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        actions = (
            self.create_row,
            self.create_row,
            self.create_row,
            self.dispatch_rows,
            self.dispatch_rows,
            self.poll_own_task,
            self.cancel_row,
        )
        while time.monotonic() < deadline or len(self.provider.task_ids_by_key) < MIN_TASKS:
            action = self.random.choice((*actions, self.maintain))
            try:
                action()
            except SpendingDenied:
                self.counts["refused"] += 1
            except DatabaseError as error:
                self.errors.append(f"{action.__name__}: {error}")
            self.counts[action.__name__] += 1

    def create_row(self) -> None:
        create_generation(
            owner=self.random.choice(self.users),
            spec=get_spec(MODEL_ID),
            params={"prompt": "A cat playing piano"},
            assets=[],
            form_key=uuid.uuid4(),
            credits_estimated=Decimal(self.random.randrange(60)),
            now=timezone.now(),
        )

    def dispatch_rows(self) -> None:
        lease_id, rows = lease_next(limit=2, now=timezone.now(), limits=ConcurrencyLimits())
        self.provider.next_outcome = self.random.choice(
            ("accepted", "accepted", "refused", "answer cut")
        )
        self.provider.next_reservation = Decimal(self.random.randrange(60))
        for row in rows:
            self.run_coroutine(
                dispatch(row, lease_id=lease_id, provider=self.worker_provider, clock=timezone.now)
            )

    def poll_own_task(self) -> None:
        """A task of its own provider ends, and is read: other writers know nothing of it."""
        for task_id in self.provider.task_versions.keys() - self.provider.charged_by_task.keys():
            bill, amount = (
                self.random.choice(sorted(BILL_BUILDERS)),
                Decimal(self.random.randrange(70)),
            )
            self.provider.end_task(
                task_id, self.random.choice(("completed", "failed")), bill, amount
            )
            lease_id = uuid.uuid4()
            rows = Generation.objects.filter(task_id=task_id, state=State.RUNNING)
            rows.update(lease_id=lease_id, next_attempt_at=timezone.now())
            self.run_coroutine(
                poll_batch(
                    list(rows), lease_id=lease_id, provider=self.worker_provider, clock=timezone.now
                )
            )

    def cancel_row(self) -> None:
        row = Generation.objects.filter(state=State.QUEUED).order_by("?").first()
        if row:
            cancel(generation=row, now=timezone.now())

    def maintain(self) -> None:
        record_heartbeat(worker=f"writer-{os.getpid()}", disk_free_bytes=10**12, now=timezone.now())
        recover_interrupted_sends(now=timezone.now())
        lease_due(State.SAVING, limit=3, now=timezone.now())

    def run_coroutine(self, coroutine) -> None:
        asyncio.run(coroutine)

    def report(self) -> str:
        charged = sum(self.provider.charged_by_task.values(), Decimal(0))
        return json.dumps(
            {
                "did": self.counts,
                "trouble": self.errors,
                "doubled": self.provider.repeated_keys,
                "taken": self.provider.task_ids_by_key,
                "charges": {
                    task: str(amount) for task, amount in self.provider.charged_by_task.items()
                },
                "charged": str(charged),
            }
        )


def main(seconds: float, writers: int) -> None:
    connections.close_all()
    connections.settings["default"]["OPTIONS"] = short_timeout_options(LOCK_TIMEOUT_SECONDS)
    report_lock = multiprocessing.get_context("fork").Lock()
    children = []
    for number in range(writers):
        child = os.fork()
        if not child:
            writer = Writer(number)
            writer.run_until(seconds)
            with report_lock:  # a long line is not written at once: two would mix
                sys.stdout.write(f"{writer.report()}\n")
                sys.stdout.flush()
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
