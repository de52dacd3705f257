"""Once a day, at a quiet hour or soon after it was missed, the book is proved."""

from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import cache

from evolink_studio.credits.audit import AuditReport, Finding
from evolink_studio.worker import periodic as duty
from evolink_studio.worker import worker
from evolink_studio.worker.periodic import daily
from tests.engine.test_local import Hurry, run
from tests.farend import FarEnd

pytestmark = pytest.mark.django_db(transaction=True)
NIGHT = datetime(2026, 11, 20, 3, 20, tzinfo=UTC)


class Proofs:
    """Proofs of the book that find what a test says, or break off: nothing unless told."""

    def __init__(self) -> None:
        self.made = 0
        self.finds: list[Exception | tuple[Finding, ...]] = []

    def __call__(self) -> AuditReport:
        self.made += 1
        found = self.finds.pop() if self.finds else ()
        if isinstance(found, Exception):
            raise found
        return AuditReport(1, 1, 1, is_compared=True, findings=found)


@pytest.fixture
def proofs(monkeypatch) -> Proofs:
    cache.delete(duty.DONE)  # no test empties the cache's table
    made = Proofs()
    monkeypatch.setattr(duty, "audit_ledger_with_generations", made)
    return made


def at(now: datetime) -> bool:
    return async_to_sync(daily)(now=now)


def test_it_is_done_once_when_its_hour_has_come(proofs):
    cache.set(duty.DONE, NIGHT - timedelta(days=1), timeout=None)
    assert not at(NIGHT - timedelta(seconds=1))
    assert at(NIGHT)
    for later in (1, 60, 3600, 86_399):
        assert not at(NIGHT + timedelta(seconds=later))
    assert at(NIGHT + timedelta(days=1))
    assert proofs.made == 2


@pytest.mark.parametrize("away", [timedelta(hours=5), timedelta(days=4)])
def test_an_hour_that_no_worker_saw_is_made_up_for_once(proofs, away):
    cache.set(duty.DONE, NIGHT - timedelta(days=1), timeout=None)
    assert at(NIGHT + away)
    assert not at(NIGHT + away + timedelta(minutes=10))
    assert proofs.made == 1


def test_nobody_knows_when_it_was_last_done_so_it_is_done(proofs):
    assert at(NIGHT + timedelta(hours=9))
    assert proofs.made == 1


def test_a_proof_that_broke_off_is_made_again(proofs):
    proofs.finds.append(RuntimeError("broken off"))
    with pytest.raises(RuntimeError):
        at(NIGHT)
    assert at(NIGHT + timedelta(minutes=5))
    assert proofs.made == 2


def test_what_is_not_explained_is_told_to_the_admins(proofs, settings, monkeypatch, mailoutbox):
    monkeypatch.setattr(settings.ENV, "alert_email", "owner@example.org")
    proofs.finds.append((Finding("is charged twice", generation_id=7),))
    assert at(NIGHT)
    (mail,) = mailoutbox
    assert "does not add up (1)" in mail.subject
    assert "generation 7: is charged twice" in mail.body


def test_a_worker_that_starts_proves_nothing_yet_and_then_catches_up(proofs, monkeypatch):
    monkeypatch.setattr(worker, "DAILY", 0.6)
    seen: list[int] = []

    def proved() -> bool:
        seen.append(proofs.made)
        return proofs.made > 0

    with FarEnd() as far:
        run(far.url, proved, clock=Hurry(1))
    assert seen[0] == 0
    assert proofs.made == 1
