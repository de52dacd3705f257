"""Random generations through to their end: the ledger says what EvoLink charged, no more.

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
from evolink_studio.credits.models import Allowance, AllowanceBalance, LedgerEntry
from evolink_studio.generations.models import Generation
from evolink_studio.generations.resolutions import mark_charged, mark_not_charged
from evolink_studio.generations.services import create_generation, record_callback
from evolink_studio.generations.states import ENDED_STATES, State
from tests.factories import UserFactory
from tests.fake_provider import FakeProvider
from tests.faults.conftest import FAULTS_SIZE
from tests.faults.proofs import assert_proved
from tests.faults.report import count_cases
from tests.manual_worker import FakeClock, ManualWorker
from tests.provider_replies import (
    ReceivedRequest,
    Reply,
    cut_reply,
    make_dropped_reply,
    make_error_reply,
    make_reply,
    make_task_reply,
)
from tests.sample_videos import make_video

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

GENERATION_COUNT = min(60 * FAULTS_SIZE, 1000)
MODELS = ("veo3.1-pro", "sora-2-preview")
TASK_ENDINGS = ("not told", "used", "billed", "refunded in part", "failed", "failed and charged")


class RandomCharges:
    """A provider that ends tasks by chance, and records what it charges."""

    def __init__(self, fake_provider: FakeProvider, clock: FakeClock, clip: bytes) -> None:
        self.fake_provider, self.clock, self.random = fake_provider, clock, random.Random(20)
        self.video_url = fake_provider.serve_file("/film.mp4", clip)
        self.charged_by_task: dict[str, Decimal] = {}
        fake_provider.create.reply_always(self._reply_to_create)

    def _reply_to_create(self, request: ReceivedRequest) -> Reply:
        usage = {"credits_reserved": float(self.random_credits(60))}
        created = int(self.clock().timestamp())
        accepted_reply = make_task_reply(
            model=request.json["model"], usage=usage, created=created, created_at=created
        )
        return self.random.choice(
            (
                *[accepted_reply] * 5,
                cut_reply(accepted_reply, self.random.randrange(len(accepted_reply.wire_bytes))),
                make_dropped_reply(accepts_task=False),
                make_error_reply(502, "bad_gateway"),
                make_error_reply(400, "invalid_parameter"),
                make_error_reply(429, "rate_limit_exceeded"),
            )
        )

    def end_some_tasks(self) -> None:
        """About half of the tasks that are still going end now, each in its own way."""
        for task_id in self.fake_provider.tasks.keys() - self.charged_by_task.keys():
            if self.random.random() < 0.5:
                self._end_task(task_id, self.random.choice(TASK_ENDINGS))

    def _end_task(self, task_id: str, end: str) -> None:
        usage = self.fake_provider.tasks[task_id]["usage"]
        amount, refunded = self.random_credits(70), self.random_credits(5)
        reserved = Decimal(str(usage["credits_reserved"]))
        usage_field = {"usage": usage | {"credits_used": float(amount)}}
        bill = {"charged_credits": float(amount + refunded), "refunded_credits": float(refunded)}
        fields, self.charged_by_task[task_id] = {
            "not told": ({}, reserved),
            "used": (usage_field, amount),
            "billed": ({"billing": {"charged_credits": str(amount)}}, amount),
            "refunded in part": ({"billing": bill}, amount),
            "failed": ({}, Decimal(0)),
            "failed and charged": (usage_field, amount),
        }[end]
        if end.startswith("failed"):
            self.fake_provider.fail_task(task_id, "content_policy")
        else:
            self.fake_provider.complete_task(task_id, self.video_url)
        self.fake_provider.update_task(task_id, **fields)

    def random_credits(self, maximum: int) -> Decimal:
        return Decimal(self.random.randrange(maximum * 10_000)) / 10_000


@pytest.fixture
def random_charges(fake_provider, tmp_path) -> Iterator[RandomCharges]:
    video = make_video(tmp_path / "clip.mp4", seconds=1).read_bytes()
    return RandomCharges(fake_provider, FakeClock(), video)


def test_the_money_of_random_generations_clears_to_zero(fake_provider, random_charges):
    people = UserFactory.create_batch(4)
    Allowance.objects.create(user=people[0], credits_limit=Decimal(10**6), period="week")
    worker = ManualWorker(fake_provider.url, random_charges.clock)
    with count_cases("Money of random generations") as case_counter:
        for number in range(GENERATION_COUNT):
            create_random_generation(people[number % 4], random_charges)
            case_counter.cases += 1
            if number % 20 == 19:
                run_round(worker, random_charges)
        for _ in range(200):
            if not Generation.objects.exclude(state__in=ENDED_STATES).exists():
                break
            run_round(worker, random_charges)
            resolve_lost(fake_provider, random_charges)
        assert_money_cleared(fake_provider, random_charges)


def create_random_generation(owner, random_charges: RandomCharges) -> None:
    create_generation(
        owner=owner,
        spec=get_spec(random_charges.random.choice(MODELS)),
        params={"prompt": "A cat playing piano"},
        assets=[],
        form_key=uuid.uuid4(),
        credits_estimated=random_charges.random_credits(50),
        now=random_charges.clock(),
    )


def run_round(worker: ManualWorker, random_charges: RandomCharges) -> None:
    """One round of the worker, now and then with reads that are not answered."""
    if random_charges.random.random() < 0.2:
        random_charges.fake_provider.read.reply_next(make_reply(b"", 503))
    worker.run_all_stages()
    random_charges.end_some_tasks()
    random_charges.clock.advance(minutes=random_charges.random.choice((1, 5, 20)))


def resolve_lost(fake_provider: FakeProvider, random_charges: RandomCharges) -> None:
    """What stays lost is called back, or settled by an admin who sees EvoLink's own pages."""
    accepted_by_key = {
        a.request.headers["idempotency-key"]: a.task_id for a in fake_provider.accepted_posts
    }
    for row in Generation.objects.filter(
        state=State.UNKNOWN, sent_at__lt=random_charges.clock() - timedelta(minutes=30)
    ):
        task_id = accepted_by_key.get(f"studio-{row.form_key.hex}")
        now = random_charges.clock()
        if task_id is None:
            mark_not_charged(generation=row, now=now)
        elif random_charges.random.random() < 0.5:
            record_callback(
                token=row.callback_token, size_bytes=9, status="", task_id=task_id, now=now
            )
        elif task_id in random_charges.charged_by_task:
            mark_charged(generation=row, amount=random_charges.charged_by_task[task_id], now=now)


def assert_money_cleared(fake_provider: FakeProvider, random_charges: RandomCharges) -> None:
    """Four figures that must agree: provider, rows, ledger, balances."""
    assert set(Generation.objects.values_list("state", flat=True)) <= ENDED_STATES
    assert random_charges.charged_by_task.keys() == {
        accepted.task_id for accepted in fake_provider.accepted_posts
    }
    charged = sum(random_charges.charged_by_task.values())
    assert charged > 0
    # An allowance of one's own stands in for everybody's: each generation is in one balance.
    assert AllowanceBalance.objects.aggregate(n=Sum("credits_charged"))["n"] == charged
    sums = LedgerEntry.objects.aggregate(
        charged=Sum("credits_charged_delta"), reserved=Sum("credits_reserved_delta")
    )
    assert sums == {"charged": charged, "reserved": 0}
    assert not AllowanceBalance.objects.exclude(credits_reserved=0).exists()
    assert_proved()
