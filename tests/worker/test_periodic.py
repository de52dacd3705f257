"""Once a day, at a quiet hour or soon after it was missed, the ledger is audited."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import cache

from evolink_studio.core.proof import Position, Proof, ProofStep
from evolink_studio.credits.audit import LEDGER_PROOF, Finding
from evolink_studio.worker import periodic, proofs, worker
from evolink_studio.worker.periodic import run_daily
from evolink_studio.worker.proofs import PROGRESS_CACHE_KEY
from tests.fake_provider import FakeProvider
from tests.worker.test_worker import FastClock, run_workers_until

pytestmark = pytest.mark.django_db(transaction=True)
DAILY_HOUR = datetime(2026, 11, 20, 3, 20, tzinfo=UTC)


class FakeAudit:
    """An audit of the ledger that finds what a test says, or raises: nothing by default."""

    def __init__(self) -> None:
        self.call_count = 0
        self.results: list[Exception | tuple[Finding, ...]] = []

    def __call__(self, position: Position | None) -> Iterator[ProofStep]:
        self.call_count += 1
        result = self.results.pop() if self.results else ()
        if isinstance(result, Exception):
            raise result
        yield ProofStep({}, findings=result)


@pytest.fixture
def fake_audit(monkeypatch) -> FakeAudit:
    cache.delete(periodic.DONE_CACHE_KEY)  # no test empties the cache's table
    cache.delete(PROGRESS_CACHE_KEY.format(name="ledger"))
    audit = FakeAudit()
    proof = replace(LEDGER_PROOF, run=audit)
    monkeypatch.setattr(periodic, "DAILY_PROOFS", (proof,))
    return audit


def run_daily_at(now: datetime) -> bool:
    return async_to_sync(run_daily)(now=now)


def test_it_is_done_once_when_its_hour_has_come(fake_audit):
    cache.set(periodic.DONE_CACHE_KEY, DAILY_HOUR - timedelta(days=1), timeout=None)
    assert not run_daily_at(DAILY_HOUR - timedelta(seconds=1))
    assert run_daily_at(DAILY_HOUR)
    for age_seconds in (1, 60, 3600, 86_399):
        assert not run_daily_at(DAILY_HOUR + timedelta(seconds=age_seconds))
    assert run_daily_at(DAILY_HOUR + timedelta(days=1))
    assert fake_audit.call_count == 2


@pytest.mark.parametrize("delay", [timedelta(hours=5), timedelta(days=4)])
def test_an_hour_that_no_worker_saw_is_made_up_for_once(fake_audit, delay):
    cache.set(periodic.DONE_CACHE_KEY, DAILY_HOUR - timedelta(days=1), timeout=None)
    assert run_daily_at(DAILY_HOUR + delay)
    assert not run_daily_at(DAILY_HOUR + delay + timedelta(minutes=10))
    assert fake_audit.call_count == 1


def test_nobody_knows_when_it_was_last_done_so_it_is_done(fake_audit):
    assert run_daily_at(DAILY_HOUR + timedelta(hours=9))
    assert fake_audit.call_count == 1


def test_an_audit_that_failed_is_made_again(fake_audit):
    fake_audit.results.append(RuntimeError("broken off"))
    with pytest.raises(RuntimeError):
        run_daily_at(DAILY_HOUR)
    assert run_daily_at(DAILY_HOUR + timedelta(minutes=5))
    assert fake_audit.call_count == 2


def test_what_is_not_explained_is_told_to_the_admins(fake_audit, settings, monkeypatch, mailoutbox):
    monkeypatch.setattr(settings.ENV, "alert_email", "owner@example.org")
    fake_audit.results.append((Finding("is charged twice", generation_id=7),))
    assert run_daily_at(DAILY_HOUR)
    (mail,) = mailoutbox
    assert "does not add up (1)" in mail.subject
    assert "generation 7: is charged twice" in mail.body


def test_a_worker_that_starts_audits_nothing_yet_and_then_catches_up(fake_audit, monkeypatch):
    monkeypatch.setattr(worker, "DAILY_CHECK_INTERVAL_SECONDS", 0.6)
    call_counts: list[int] = []

    def is_audited() -> bool:
        call_counts.append(fake_audit.call_count)
        return fake_audit.call_count > 0

    with FakeProvider() as fake_provider:
        run_workers_until(fake_provider.url, is_audited, clock=FastClock(1))
    assert call_counts[0] == 0
    assert fake_audit.call_count == 1


class SteppingProof:
    """A proof of ten steps, of which every one finds something; it remembers where it began."""

    def __init__(self) -> None:
        self.begun_at: list[Position | None] = []
        self.step_count = 0

    def __call__(self, position: Position | None) -> Iterator[ProofStep]:
        self.begun_at.append(position)
        for number in range(position["number"] if position else 0, 10):
            self.step_count += 1
            yield ProofStep({"number": number + 1}, {"rows": 1}, (f"finding {number}",))


@pytest.fixture
def stepping_proof(fake_audit, monkeypatch) -> SteppingProof:
    """Two proofs, of which the second takes a slice for each step."""
    proof = SteppingProof()
    cache.delete(PROGRESS_CACHE_KEY.format(name="second"))
    second = Proof("second", "the second does not add up", "manage.py check_second", proof)
    monkeypatch.setattr(periodic, "DAILY_PROOFS", (*periodic.DAILY_PROOFS, second))
    monkeypatch.setattr(proofs, "SLICE_SECONDS", 0)
    return proof


def run_until_step(proof: SteppingProof, last_step: int) -> bool:
    """The daily run, in a worker that is told to end after so many steps."""
    return async_to_sync(run_daily)(
        now=DAILY_HOUR, is_stopping=lambda: proof.step_count >= last_step
    )


def test_a_proof_goes_on_after_the_worker_ended_and_tells_all_its_findings_once(
    fake_audit, stepping_proof, settings, monkeypatch, mailoutbox
):
    monkeypatch.setattr(settings.ENV, "alert_email", "owner@example.org")
    assert not run_until_step(stepping_proof, 3)
    assert not run_until_step(stepping_proof, 7)
    assert mailoutbox == []
    assert run_until_step(stepping_proof, 100)
    assert stepping_proof.begun_at == [None, {"number": 3}, {"number": 7}]
    assert stepping_proof.step_count == 10
    assert fake_audit.call_count == 1, "the first proof was done"
    (mail,) = mailoutbox
    assert "the second does not add up (10)" in mail.subject
    assert [f"finding {number}" in mail.body for number in range(10)] == [True] * 10
    assert "manage.py check_second" in mail.body


def test_what_was_proved_of_yesterday_is_not_taken_for_today(fake_audit, stepping_proof):
    assert not run_until_step(stepping_proof, 3)
    assert run_daily_at(DAILY_HOUR + timedelta(days=1))
    assert stepping_proof.begun_at == [None, None]


def test_a_killed_worker_loses_only_what_was_not_stored(stepping_proof, monkeypatch):
    """As after SIGKILL: what it knew is gone, and what it stored is there."""
    monkeypatch.setattr(proofs, "STORE_INTERVAL_SECONDS", 0)

    class Killed(BaseException):
        pass

    def kill_at_the_fifth_step() -> bool:
        if stepping_proof.step_count == 5:
            raise Killed
        return False

    with pytest.raises(Killed):
        async_to_sync(run_daily)(now=DAILY_HOUR, is_stopping=kill_at_the_fifth_step)
    assert run_until_step(stepping_proof, 100)
    assert stepping_proof.begun_at == [None, {"number": 5}]
