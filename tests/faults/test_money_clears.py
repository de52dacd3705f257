"""Random generations through to their end: what EvoLink charged is what the book says, no more.

60 of them in every run of the tests; FAULTS_SIZE multiplies, up to 1 000.
"""

import random
import uuid
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum

from evolink_studio.catalog import get_spec
from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.credits.models import Allowance, AllowanceBalance, LedgerEntry
from evolink_studio.generations.models import Generation
from evolink_studio.generations.resolutions import mark_charged, mark_not_charged
from evolink_studio.generations.services import create_generation, record_callback
from evolink_studio.generations.states import ENDED_STATES, State
from tests.answers import Received, Reply, answer, cut, error, hang_up, task
from tests.factories import UserFactory
from tests.farend import FarEnd
from tests.faults.conftest import SIZE
from tests.faults.table import tally
from tests.library.footage import film
from tests.work import Clock, Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

COUNT = min(60 * SIZE, 1000)
MODELS = ("veo3.1-pro", "sora-2-preview")
ENDS = ("not told", "used", "billed", "refunded in part", "failed", "failed and charged")


class Charging:
    """A far end that decides by chance what happens to a wish, and writes down what it charges."""

    def __init__(self, far: FarEnd, clock: Clock, clip: bytes) -> None:
        self.far, self.clock, self.chance = far, clock, random.Random(20)
        self.link = far.serve("/film.mp4", clip)
        self.charged: dict[str, Decimal] = {}
        far.create.always(self._create)

    def _create(self, request: Received) -> Reply:
        usage = {"credits_reserved": float(self._credits(60))}
        made = int(self.clock().timestamp())
        taken = task(model=request.json["model"], usage=usage, created=made, created_at=made)
        return self.chance.choice(
            (
                *[taken] * 5,
                cut(taken, self.chance.randrange(len(taken.wire))),
                hang_up(accepts=False),
                error(502, "bad_gateway"),
                error(400, "invalid_parameter"),
                error(429, "rate_limit_exceeded"),
            )
        )

    def some_end(self) -> None:
        """About half of the tasks that are still going end now, each in its own way."""
        for task_id in self.far.tasks.keys() - self.charged.keys():
            if self.chance.random() < 0.5:
                self._end(task_id, self.chance.choice(ENDS))

    def _end(self, task_id: str, how: str) -> None:
        usage = self.far.tasks[task_id]["usage"]
        amount, back = self._credits(70), self._credits(5)
        reserved = Decimal(str(usage["credits_reserved"]))
        used = {"usage": usage | {"credits_used": float(amount)}}
        bill = {"charged_credits": float(amount + back), "refunded_credits": float(back)}
        told, self.charged[task_id] = {
            "not told": ({}, reserved),
            "used": (used, amount),
            "billed": ({"billing": {"charged_credits": str(amount)}}, amount),
            "refunded in part": ({"billing": bill}, amount),
            "failed": ({}, Decimal(0)),
            "failed and charged": (used, amount),
        }[how]
        if how.startswith("failed"):
            self.far.fail(task_id, "content_policy")
        else:
            self.far.finish(task_id, self.link)
        self.far.move(task_id, **told)

    def _credits(self, most: int) -> Decimal:
        return Decimal(self.chance.randrange(most * 10_000)) / 10_000


@pytest.fixture
def charging(far, tmp_path) -> Iterator[Charging]:
    clip = film(tmp_path / "clip.mp4", seconds=1).read_bytes()
    return Charging(far, Clock(), clip)


def test_the_money_of_random_generations_clears_to_zero(far, charging):
    people = UserFactory.create_batch(4)
    Allowance.objects.create(user=people[0], credits_limit=Decimal(10**6), period="week")
    worker = Worker(far.url, charging.clock)
    with tally("Money of random generations") as counted:
        for number in range(COUNT):
            press(people[number % 4], charging)
            counted.cases += 1
            if number % 20 == 19:
                go_on(worker, charging)
        for _ in range(200):
            if not Generation.objects.exclude(state__in=ENDED_STATES).exists():
                break
            go_on(worker, charging)
            somebody_looks(far, charging)
        the_money_is_cleared(far, charging)


def press(person, charging: Charging) -> None:
    create_generation(
        owner=person,
        spec=get_spec(charging.chance.choice(MODELS)),
        params={"prompt": "A cat playing piano"},
        assets=[],
        form_key=uuid.uuid4(),
        credits_estimated=charging._credits(50),
        now=charging.clock(),
    )


def go_on(worker: Worker, charging: Charging) -> None:
    """One round of the worker, now and then with reads that are not answered."""
    if charging.chance.random() < 0.2:
        charging.far.read.answers(answer(b"", 503))
    worker.everything()
    charging.some_end()
    charging.clock.forward(minutes=charging.chance.choice((1, 5, 20)))


def somebody_looks(far: FarEnd, charging: Charging) -> None:
    """What stays lost is called back, or settled by an admin who sees EvoLink's own pages."""
    taken = {a.request.headers["idempotency-key"]: a.task_id for a in far.accepted}
    for row in Generation.objects.filter(
        state=State.UNKNOWN, sent_at__lt=charging.clock() - timedelta(minutes=30)
    ):
        task_id = taken.get(f"studio-{row.form_key.hex}")
        now = charging.clock()
        if task_id is None:
            mark_not_charged(generation=row, now=now)
        elif charging.chance.random() < 0.5:
            record_callback(
                token=row.callback_token, size_bytes=9, status="", task_id=task_id, now=now
            )
        elif task_id in charging.charged:
            mark_charged(generation=row, amount=charging.charged[task_id], now=now)


def the_money_is_cleared(far: FarEnd, charging: Charging) -> None:
    """Four figures that must agree: far end, rows, book, purses."""
    assert set(Generation.objects.values_list("state", flat=True)) <= ENDED_STATES
    assert charging.charged.keys() == {accepted.task_id for accepted in far.accepted}
    charged = sum(charging.charged.values())
    assert charged > 0
    # An allowance of one's own stands in for everybody's: each generation is in one purse.
    assert AllowanceBalance.objects.aggregate(n=Sum("credits_charged"))["n"] == charged
    sums = LedgerEntry.objects.aggregate(
        credits_charged_delta=Sum("credits_charged_delta"),
        credits_reserved_delta=Sum("credits_reserved_delta"),
    )
    assert sums == {"charged": charged, "reserved": 0}
    assert not AllowanceBalance.objects.exclude(credits_reserved=0).exists()
    assert audit_ledger_with_generations().findings == ()
