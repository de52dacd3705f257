"""Writers that press, cancel, send, read and save no rest, each in a process of its own.

    python -m tests.faults.writing SECONDS WRITERS

Each is a fork of this process, with a far end of its own in memory. Told at the end, one line of
JSON a writer: what it did, what its far end took, and every trouble of the database.
"""

import asyncio
import json
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
from tests.faults.truth import BILLS, Line, Truth

MODEL = "veo3.1-pro"


class Writer:
    """Does one thing after the other until its time is over, and counts."""

    def __init__(self, number: int) -> None:
        self.chance = random.Random(number)
        self.truth = Truth(timezone.now, name=f"task-{number}")
        self.far = Provider(Line(self.truth), "here", (), "", False)
        self.people = list(User.objects.order_by("pk"))
        self.did: Counter[str] = Counter()
        self.trouble: list[str] = []

    def work(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        acts = (self.press, self.press, self.press, self.send, self.send, self.read, self.drop)
        while time.monotonic() < deadline:
            act = self.chance.choice((*acts, self.look_after))
            try:
                act()
            except SpendingDenied:
                self.did["refused"] += 1
            except DatabaseError as error:
                self.trouble.append(f"{act.__name__}: {error}")
            self.did[act.__name__] += 1

    def press(self) -> None:
        create_generation(
            owner=self.chance.choice(self.people),
            spec=get_spec(MODEL),
            params={"prompt": "A cat playing piano"},
            assets=[],
            form_key=uuid.uuid4(),
            credits_estimated=Decimal(self.chance.randrange(60)),
            now=timezone.now(),
        )

    def send(self) -> None:
        held, rows = lease_next(limit=2, now=timezone.now(), limits=ConcurrencyLimits())
        self.truth.post = self.chance.choice(("accepted", "accepted", "refused", "answer cut"))
        self.truth.reserves = Decimal(self.chance.randrange(60))
        for row in rows:
            self.run(dispatch(row, lease_id=held, provider=self.far, clock=timezone.now))

    def read(self) -> None:
        """One of its own far end's tasks ends, and is read: other writers know nothing of it."""
        for task_id in self.truth.tasks.keys() - self.truth.charges.keys():
            bill, amount = self.chance.choice(sorted(BILLS)), Decimal(self.chance.randrange(70))
            self.truth.ends(task_id, self.chance.choice(("completed", "failed")), bill, amount)
            held = uuid.uuid4()
            rows = Generation.objects.filter(task_id=task_id, state=State.RUNNING)
            rows.update(lease_id=held, next_attempt_at=timezone.now())
            self.run(poll_batch(list(rows), lease_id=held, provider=self.far, clock=timezone.now))

    def drop(self) -> None:
        waiting = Generation.objects.filter(state=State.QUEUED).order_by("?").first()
        if waiting:
            cancel(generation=waiting, now=timezone.now())

    def look_after(self) -> None:
        record_heartbeat(worker=f"writer-{os.getpid()}", disk_free_bytes=10**12, now=timezone.now())
        recover_interrupted_sends(now=timezone.now())
        lease_due(State.SAVING, limit=3, now=timezone.now())

    def run(self, step) -> None:
        asyncio.run(step)

    def told(self) -> str:
        charged = sum(self.truth.charges.values(), Decimal(0))
        return json.dumps(
            {
                "did": self.did,
                "trouble": self.trouble,
                "doubled": self.truth.doubled,
                "taken": self.truth.taken,
                "charges": {task: str(amount) for task, amount in self.truth.charges.items()},
                "charged": str(charged),
            }
        )


def main(seconds: float, writers: int) -> None:
    connections.close_all()
    children = []
    for number in range(writers):
        child = os.fork()
        if not child:
            writer = Writer(number)
            writer.work(seconds)
            os.write(1, f"{writer.told()}\n".encode())
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
