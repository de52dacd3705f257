"""From the press to the end, at times that a test sets, against the fake provider."""

import json
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import time_machine
from django.db import connection
from django.db.models import Sum
from django.test import Client

from evolink_studio.accounts.models import User
from evolink_studio.catalog import get_spec
from evolink_studio.credits.models import AllowanceBalance, LedgerEntry
from evolink_studio.generations.incidents import list_open_incidents
from evolink_studio.generations.models import Generation
from evolink_studio.generations.services import create_generation
from evolink_studio.generations.states import ENDED_STATES, State
from tests.factories import VEO, UserFactory
from tests.fake_provider import FakeProvider
from tests.faults.proofs import assert_proved
from tests.manual_worker import FakeClock, ManualWorker
from tests.provider_replies import Reply, make_task_reply

T = TypeVar("T")


@dataclass
class GenerationLifecycle:
    """A studio with one person, one worker and one provider."""

    fake_provider: FakeProvider
    clock: FakeClock = field(default_factory=FakeClock)
    ada: User = field(default_factory=UserFactory)
    callback_client: Client = field(default_factory=lambda: Client(enforce_csrf_checks=True))

    @property
    def worker(self) -> ManualWorker:
        return ManualWorker(self.fake_provider.url, self.clock)

    def create_generations(
        self,
        count: int = 1,
        *,
        credits_estimated: Decimal = Decimal(162),
        owner: User | None = None,
    ):
        """So many stored generations."""
        return [
            create_generation(
                owner=owner or self.ada,
                spec=get_spec(VEO),
                params={"prompt": "A cat playing piano"},
                assets=[],
                form_key=uuid.uuid4(),
                credits_estimated=credits_estimated,
                now=self.clock(),
            ).generation
            for _ in range(count)
        ]

    def make_task_reply_now(self, **fields: object) -> Reply:
        """The good answer to a POST at this moment."""
        now = int(self.clock().timestamp())
        return make_task_reply(**{"created": now, "created_at": now, **fields})

    def dispatch_all(self, worker: ManualWorker | None = None) -> None:
        """Until nothing is due to be sent."""
        while Generation.objects.filter(
            state=State.QUEUED, next_attempt_at__lte=self.clock()
        ).exists():
            (worker or self.worker).dispatch_due()

    def task_id_of(self, row: Generation) -> str:
        """The task of this generation; fails where EvoLink accepted none, or two."""
        (post,) = (
            post
            for post in self.fake_provider.accepted_posts
            if post.request.headers[IDEMPOTENCY_HEADER] == idempotency_key_of(row)
        )
        return post.task_id

    def post_callback(self, row: Generation, body: object = None, **fields: object) -> Any:
        """EvoLink's callback at the real address."""
        content = body if isinstance(body, bytes) else json.dumps(body or fields).encode()
        with time_machine.travel(self.clock(), tick=False):
            return self.callback_client.post(
                f"/callbacks/{row.callback_token}/", content, content_type="application/json"
            )

    def end_tasks(self, rows: Iterable[Generation], *urls: str) -> None:
        """Every eighth task has made its film (at `urls`), the others have failed."""
        for number, row in enumerate(rows):
            if number % 8:
                self.fake_provider.fail_task(self.task_id_of(row), "content_policy_violation")
            else:
                self.fake_provider.complete_task(self.task_id_of(row), *urls)

    def run_until_all_ended(self, max_rounds: int = 12, **span: float) -> None:
        """Rounds of the worker, so far apart (default 5 minutes)."""
        for _ in range(max_rounds):
            if not Generation.objects.exclude(state__in=ENDED_STATES).exists():
                return
            self.worker.run_all_stages()
            self.clock.advance(**(span or {"minutes": 5}))
        assert count_states() - Counter(ENDED_STATES) == Counter()

    def end_and_assert_cleared(self, rows: Iterable[Generation], *urls: str) -> None:
        """Run these to their end; then provider, rows and ledger name one sum."""
        self.end_tasks(rows, *urls)
        self.run_until_all_ended()
        assert_all_cleared(self.fake_provider)


IDEMPOTENCY_HEADER = "idempotency-key"
# What may never change again once a generation has ended.
FINAL_COLUMNS = (
    *("state", "charge", "credits_charged", "task_id", "finished_at"),
    *("error_code", "changed_version"),
)


def idempotency_key_of(row: Generation) -> str:
    return f"studio-{row.form_key.hex}"


def reload(row: Generation) -> Generation:
    return Generation.objects.get(pk=row.pk)


def final_values(row: Generation) -> tuple[object, ...]:
    """What may never change again once it has ended."""
    return Generation.objects.values_list(*FINAL_COLUMNS).get(pk=row.pk)


def count_states() -> Counter[str]:
    return Counter(Generation.objects.values_list("state", flat=True))


def assert_accepted_at_most_once(fake_provider: FakeProvider) -> None:
    """Also where a POST that surely was not taken may be tried again."""
    counts = Counter(
        accepted.request.headers[IDEMPOTENCY_HEADER] for accepted in fake_provider.accepted_posts
    )
    assert not [key for key, count in counts.items() if count > 1]
    assert_proved()


def assert_lost_is_shown(now) -> None:
    """Every answer that was lost stands in the admins' list of money at risk."""
    unknown_ids = set(Generation.objects.filter(state=State.UNKNOWN).values_list("pk", flat=True))
    assert unknown_ids <= {
        incident.generation.pk for incident in list_open_incidents(now=now, limit=10_000)
    }


def assert_all_cleared(fake_provider: FakeProvider) -> None:
    """All has ended: provider, rows, ledger and balances name one sum, and nothing is reserved."""
    rows = list(Generation.objects.all())
    assert {row.state for row in rows} <= ENDED_STATES
    linked_ids = {row.task_id for row in rows if row.task_id}
    assert linked_ids == {accepted.task_id for accepted in fake_provider.accepted_posts}
    charged = sum(
        (charged_credits_of(fake_provider.tasks[task_id]) for task_id in linked_ids), Decimal(0)
    )
    assert sum((row.credits_charged or Decimal(0) for row in rows), Decimal(0)) == charged
    sums = LedgerEntry.objects.aggregate(
        charged=Sum("credits_charged_delta"), reserved=Sum("credits_reserved_delta")
    )
    assert (sums["charged"] or 0, sums["reserved"] or 0) == (charged, 0)
    assert not AllowanceBalance.objects.exclude(credits_reserved=0).exists()
    assert_proved()


def charged_credits_of(document: dict[str, Any]) -> Decimal:
    """What the provider charges: nothing for a failure, else what it said."""
    if document["status"] != "completed":
        return Decimal(0)
    usage = document["usage"]
    return Decimal(str(usage.get("credits_used", usage["credits_reserved"])))


def run_concurrently(count: int, action: Callable[[int], T]) -> list[T | Exception]:
    """What so many threads got that begin together, each with a connection of its own."""
    results: list[T | Exception] = []
    start = threading.Barrier(count)

    def run_thread(number: int) -> None:
        start.wait(30)
        try:
            results.append(action(number))
        except Exception as error:  # checked by the test, in its own thread
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run_thread, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == count
    return results
