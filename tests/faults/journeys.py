"""From the press to the end, at times that a test sets, against a far end that keeps the truth."""

import json
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import pytest
import time_machine
from django.db import connection
from django.db.models import Sum
from django.test import Client

from evolink_studio.accounts.models import User
from evolink_studio.catalog import get_spec
from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.credits.models import AllowanceBalance, LedgerEntry
from evolink_studio.generations.incidents import open_incidents
from evolink_studio.generations.models import Generation
from evolink_studio.generations.services import create_generation
from evolink_studio.generations.states import ENDED_STATES, State
from tests.answers import Reply, task
from tests.factories import VEO, UserFactory
from tests.farend import FarEnd
from tests.library.footage import film
from tests.work import Clock, Worker

T = TypeVar("T")


@dataclass
class Journey:
    """A studio with one person, one worker and one far end."""

    far: FarEnd
    clock: Clock = field(default_factory=Clock)
    ada: User = field(default_factory=UserFactory)
    evolink: Client = field(default_factory=lambda: Client(enforce_csrf_checks=True))

    @property
    def worker(self) -> Worker:
        return Worker(self.far.url, self.clock)

    def press(self, count: int = 1, *, price: Decimal = Decimal(162), by: User | None = None):
        """So many wishes, stored."""
        return [
            create_generation(
                owner=by or self.ada,
                spec=get_spec(VEO),
                params={"prompt": "A cat playing piano"},
                assets=[],
                form_key=uuid.uuid4(),
                credits_estimated=price,
                now=self.clock(),
            ).generation
            for _ in range(count)
        ]

    def taken(self, **fields: object) -> Reply:
        """The good answer to a POST at this moment."""
        now = int(self.clock().timestamp())
        return task(**{"created": now, "created_at": now, **fields})

    def send_all(self, worker: Worker | None = None) -> None:
        """Until nothing is due to be sent."""
        while Generation.objects.filter(
            state=State.QUEUED, next_attempt_at__lte=self.clock()
        ).exists():
            (worker or self.worker).send()

    def task_of(self, row: Generation) -> str:
        """What EvoLink knows of this wish; fails where it took none, or two."""
        (found,) = (a for a in self.far.accepted if a.request.headers[KEY] == key_of(row))
        return found.task_id

    def calls_back(self, row: Generation, body: object = None, **said: object) -> Any:
        """EvoLink's callback at the real address."""
        content = body if isinstance(body, bytes) else json.dumps(body or said).encode()
        with time_machine.travel(self.clock(), tick=False):
            return self.evolink.post(
                f"/callbacks/{row.callback_token}/", content, content_type="application/json"
            )

    def ends(self, rows: Iterable[Generation], *urls: str) -> None:
        """Every eighth task has made its film (at `urls`), the others have failed."""
        for number, row in enumerate(rows):
            if number % 8:
                self.far.fail(self.task_of(row), "content_policy_violation")
            else:
                self.far.finish(self.task_of(row), *urls)

    def until_all_ended(self, most: int = 12, **span: float) -> None:
        """Rounds of the worker, so far apart (default 5 minutes)."""
        for _ in range(most):
            if not Generation.objects.exclude(state__in=ENDED_STATES).exists():
                return
            self.worker.everything()
            self.clock.forward(**(span or {"minutes": 5}))
        assert states() - Counter(ENDED_STATES) == Counter()

    def clears(self, rows: Iterable[Generation], *urls: str) -> None:
        """To the end of these, after which the far end, the rows and the book name one sum."""
        self.ends(rows, *urls)
        self.until_all_ended()
        all_is_cleared(self.far)


@pytest.fixture
def journey(far) -> Journey:
    return Journey(far)


@pytest.fixture
def link(far, tmp_path) -> str:
    """Where a film of one second lies ready."""
    return far.serve("/film.mp4", film(tmp_path / "clip.mp4", seconds=1).read_bytes())


KEY = "idempotency-key"


def key_of(row: Generation) -> str:
    return f"studio-{row.form_key.hex}"


def fresh(row: Generation) -> Generation:
    return Generation.objects.get(pk=row.pk)


def facts(row: Generation) -> tuple[object, ...]:
    """What may never change again once it has ended."""
    names = ("state", "charge", "used", "task_id", "finished", "error_code", "version")
    return Generation.objects.values_list(*names).get(pk=row.pk)


def states() -> Counter[str]:
    return Counter(Generation.objects.values_list("state", flat=True))


def taken_at_most_once(far: FarEnd) -> None:
    """Also where a POST that surely was not taken may be tried again."""
    taken = Counter(accepted.request.headers[KEY] for accepted in far.accepted)
    assert not [key for key, count in taken.items() if count > 1]
    assert audit_ledger_with_generations().findings == ()


def what_is_lost_is_shown(now) -> None:
    """Every answer that was lost stands in the admins' list of money at risk."""
    lost = set(Generation.objects.filter(state=State.UNKNOWN).values_list("pk", flat=True))
    assert lost <= {needs.generation.pk for needs in open_incidents(now=now, limit=10_000)}


def all_is_cleared(far: FarEnd) -> None:
    """All has ended: far end, rows, book and purses name the same sum, and nothing is held."""
    rows = list(Generation.objects.all())
    assert {row.state for row in rows} <= ENDED_STATES
    linked = {row.task_id for row in rows if row.task_id}
    assert linked == {accepted.task_id for accepted in far.accepted}
    charged = sum((charge_of(far.tasks[task_id]) for task_id in linked), Decimal(0))
    assert sum((row.credits_charged or Decimal(0) for row in rows), Decimal(0)) == charged
    sums = LedgerEntry.objects.aggregate(
        credits_charged_delta=Sum("credits_charged_delta"),
        credits_reserved_delta=Sum("credits_reserved_delta"),
    )
    assert (sums["charged"] or 0, sums["reserved"] or 0) == (charged, 0)
    assert not AllowanceBalance.objects.exclude(credits_reserved=0).exists()
    assert audit_ledger_with_generations().findings == ()


def charge_of(document: dict[str, Any]) -> Decimal:
    """What this far end takes: nothing for a failure, else what it said."""
    if document["status"] != "completed":
        return Decimal(0)
    usage = document["usage"]
    return Decimal(str(usage.get("credits_used", usage["credits_reserved"])))


def at_once(count: int, act: Callable[[int], T]) -> list[T | Exception]:
    """What so many threads got that begin together, each with a connection of its own."""
    found: list[T | Exception] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        start.wait(30)
        try:
            found.append(act(number))
        except Exception as error:  # told by the test's assertion, in its own thread
            found.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == count
    return found
