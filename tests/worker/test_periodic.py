"""Once a day, at a quiet hour or soon after it was missed, the ledger is audited."""

from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import cache

from evolink_studio.credits.audit import AuditReport, Finding
from evolink_studio.worker import periodic, worker
from evolink_studio.worker.periodic import run_daily
from tests.fake_provider import FakeProvider
from tests.worker.test_worker import FastClock, run_workers_until

pytestmark = pytest.mark.django_db(transaction=True)
DAILY_HOUR = datetime(2026, 11, 20, 3, 20, tzinfo=UTC)


class FakeAudit:
    """An audit of the ledger that finds what a test says, or raises: nothing by default."""

    def __init__(self) -> None:
        self.call_count = 0
        self.results: list[Exception | tuple[Finding, ...]] = []

    def __call__(self) -> AuditReport:
        self.call_count += 1
        result = self.results.pop() if self.results else ()
        if isinstance(result, Exception):
            raise result
        return AuditReport(1, 1, 1, is_compared=True, findings=result)


@pytest.fixture
def fake_audit(monkeypatch) -> FakeAudit:
    cache.delete(periodic.DONE_CACHE_KEY)  # no test empties the cache's table
    audit = FakeAudit()
    monkeypatch.setattr(periodic, "audit_ledger_with_generations", audit)
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
