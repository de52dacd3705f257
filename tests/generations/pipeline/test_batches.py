"""The films of one press at the worker: each sent once, and the rest stopped after failures."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest

from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.credits.models import AllowanceBalance
from evolink_studio.generations.models import Batch, Generation
from evolink_studio.generations.pipeline.queue import ConcurrencyLimits
from evolink_studio.generations.services import create_batch, stop_batch
from evolink_studio.generations.transitions import transition
from tests.factories import NOW
from tests.generations.test_create_batch import build_request, limit_credits
from tests.manual_worker import ManualWorker
from tests.provider_replies import make_error_reply

pytestmark = pytest.mark.django_db
PARAMS = {"prompt": "A cat", "quality": "720p", "aspect_ratio": "auto"}


@pytest.fixture(autouse=True)
def _allowance(ada) -> None:
    limit_credits(ada, 10_000)


def make_batch(owner, count: int, max_failures: int | None = None) -> Batch:
    requests = [build_request({**PARAMS, "prompt": f"Film {n}"}) for n in range(count)]
    return create_batch(
        owner=owner,
        kind=Batch.Kind.TABLE,
        requests=requests,
        form_key=uuid.uuid4(),
        max_failures=max_failures,
        now=NOW,
    ).batch


def list_states(batch) -> list[str]:
    return list(batch.generations.order_by("pk").values_list("state", flat=True))


def fail(batch, count: int) -> None:
    """Let EvoLink refuse the first that wait."""
    for row in batch.generations.filter(state="queued").order_by("pk")[:count]:
        transition(row, "failed", now=NOW, error_code="x")


def test_each_film_of_a_press_is_sent_once(fake_provider, worker, ada):
    batch = make_batch(ada, 6)
    for _ in range(3):
        worker.dispatch_due()
        worker.clock.advance(minutes=10)
    assert list_states(batch) == ["running"] * 6
    prompts = sorted(request.json["prompt"] for request in fake_provider.create.requests)
    assert prompts == [f"Film {n}" for n in range(6)]
    keys = {request.headers["idempotency-key"] for request in fake_provider.create.requests}
    assert len(keys) == fake_provider.paid_count == 6


def test_a_take_that_is_refused_fails_alone(fake_provider, worker, ada):
    batch = make_batch(ada, 3)
    fake_provider.create.reply_next(make_error_reply(400, "invalid_request"))
    worker.dispatch_due()
    assert sorted(list_states(batch)) == ["failed", "running", "running"]
    assert fake_provider.paid_count == 2


def test_after_so_many_failures_the_rest_is_cancelled_and_returned(fake_provider, ada):
    batch = make_batch(ada, 6, max_failures=2)
    worker = ManualWorker(fake_provider.url, limits=ConcurrencyLimits(total=1))
    fake_provider.create.reply_always(make_error_reply(400, "invalid_request"))
    for _ in range(6):
        worker.dispatch_due()
    assert list_states(batch) == ["failed"] * 2 + ["cancelled"] * 4
    batch.refresh_from_db()
    assert batch.stopped_at == NOW
    assert len(fake_provider.create.requests) == 2
    assert AllowanceBalance.objects.get().credits_reserved == 0
    assert not audit_ledger_with_generations().findings


def test_without_a_limit_a_batch_goes_on_whatever_fails(fake_provider, worker, ada):
    batch = make_batch(ada, 4)
    fail(batch, 3)
    worker.dispatch_due()
    assert list_states(batch) == ["failed"] * 3 + ["running"]


def test_the_moment_of_the_stop_is_the_first(worker, ada):
    batch = make_batch(ada, 3, max_failures=1)
    fail(batch, 1)
    worker.dispatch_due()
    assert stop_batch(batch=batch, now=NOW + timedelta(hours=1)) == 0
    batch.refresh_from_db()
    assert batch.stopped_at == NOW


def test_what_comes_back_into_the_queue_of_a_stopped_batch_is_not_sent(fake_provider, worker, ada):
    batch = make_batch(ada, 2)
    (first, _) = batch.generations.order_by("pk")
    assert transition(first, "sending", now=NOW)
    assert stop_batch(batch=batch, now=NOW) == 1
    assert transition(first, "queued", now=NOW, next_attempt_at=NOW)  # nothing had been sent
    worker.dispatch_due()
    assert list_states(batch) == ["cancelled", "cancelled"]
    assert fake_provider.create.requests == []


def test_stopping_leaves_what_is_under_way_and_other_films(worker, ada):
    batch, other = make_batch(ada, 2), make_batch(ada, 1)
    first = batch.generations.order_by("pk")[0]
    transition(first, "sending", now=NOW)
    stop_batch(batch=batch, now=NOW)
    assert list_states(batch) == ["sending", "cancelled"]
    assert list_states(other) == ["queued"]
    held = Generation.objects.exclude(credits_held=None).values_list("credits_held", flat=True)
    assert list(held) == [Decimal(27)] * 2
