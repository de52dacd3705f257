"""A film that could not be stored is not paid for: on a full disk the queue waits."""

from collections import namedtuple
from datetime import timedelta

import pytest

from evolink_studio.generations.models import MIN_FREE_DISK_BYTES, ChangeFeed, Generation, Heartbeat
from evolink_studio.generations.pipeline.queue import clear_waiting_for_disk, mark_waiting_for_disk
from evolink_studio.generations.presenters.cards import present_card
from evolink_studio.generations.services import record_heartbeat
from evolink_studio.worker import worker
from tests.factories import NOW, GenerationFactory, UserFactory
from tests.fake_provider import FakeProvider
from tests.provider_replies import make_reply
from tests.worker.test_worker import FastClock, list_states, run_workers_until

pytestmark = pytest.mark.django_db(transaction=True)
DiskUsage = namedtuple("Usage", "total used free")


class FakeDisk:
    """The disk as the worker sees it."""

    def __init__(self) -> None:
        self.free_bytes = MIN_FREE_DISK_BYTES - 1

    def __call__(self, path: object) -> DiskUsage:
        return DiskUsage(10**12, 10**12 - self.free_bytes, self.free_bytes)


@pytest.fixture
def fake_disk(monkeypatch) -> FakeDisk:
    disk = FakeDisk()
    monkeypatch.setattr(worker.shutil, "disk_usage", disk)
    return disk


@pytest.fixture
def fake_provider():
    with FakeProvider() as running:
        running.read.reply_always(
            lambda request: make_reply({"status": "processing", "progress": 7})
        )
        yield running


@pytest.fixture
def ada():
    return UserFactory(username="ada")


def waiting_reasons() -> set[str]:
    return set(Generation.objects.filter(state="queued").values_list("error_code", flat=True))


def test_on_a_full_disk_nothing_that_waits_is_sent_and_what_runs_is_read_on(
    fake_provider, ada, fake_disk
):
    running_row = GenerationFactory(owner=ada, state="running")
    waiting = GenerationFactory.create_batch(3, owner=ada)
    feed_version = (
        ChangeFeed.objects.filter(pk=ada.pk).values_list("version", flat=True).first() or 0
    )
    run_workers_until(
        fake_provider.url,
        lambda: waiting_reasons() == {"disk_full"} and fake_provider.read.requests,
    )
    assert fake_provider.create.requests == []
    assert list_states() == ["running", *["queued"] * 3]
    for row in Generation.objects.filter(pk__in=[row.pk for row in waiting]):
        assert row.changed_version > feed_version, "the open page hears of it"
        words = present_card(row, now=NOW)
        assert "disk is nearly full" in words.message
        assert "Nothing was sent" in words.message
        assert words.can_cancel
    assert Generation.objects.get(pk=running_row.pk).error_code == ""


def test_when_there_is_room_again_they_are_sent_without_anybody_doing_anything(
    fake_provider, ada, fake_disk
):
    GenerationFactory.create_batch(2, owner=ada)

    def make_room() -> bool:
        if waiting_reasons() == {"disk_full"}:
            fake_disk.free_bytes = MIN_FREE_DISK_BYTES
        return list_states() == ["running"] * 2

    run_workers_until(fake_provider.url, make_room, clock=FastClock(1))
    assert fake_provider.paid_count == 2
    assert set(Generation.objects.values_list("error_code", flat=True)) == {""}


def test_what_another_worker_will_send_is_not_said_to_wait_for_the_disk(ada):
    GenerationFactory(owner=ada)
    record_heartbeat(worker="roomy", disk_free_bytes=MIN_FREE_DISK_BYTES, now=NOW)
    mark_waiting_for_disk(now=NOW + timedelta(seconds=20))
    assert waiting_reasons() == {""}
    mark_waiting_for_disk(now=NOW + timedelta(minutes=1))  # it is silent: nobody will
    assert waiting_reasons() == {"disk_full"}
    record_heartbeat(
        worker="roomy", disk_free_bytes=MIN_FREE_DISK_BYTES, now=NOW + timedelta(minutes=2)
    )
    mark_waiting_for_disk(now=NOW + timedelta(minutes=2))
    assert waiting_reasons() == {""}


def test_a_worker_that_starts_clears_the_pause_of_its_predecessor(ada):
    GenerationFactory(owner=ada, error_code="disk_full", next_attempt_at=NOW + timedelta(hours=1))
    far_off = GenerationFactory(
        owner=ada, error_code="unreachable", next_attempt_at=NOW + timedelta(hours=1)
    )
    clear_waiting_for_disk()
    assert waiting_reasons() == {"", "unreachable"}
    assert Generation.objects.get(pk=far_off.pk).error_code == "unreachable"


def test_a_full_disk_is_told_by_the_heartbeat_that_refuses_presses(fake_provider, fake_disk):
    run_workers_until(fake_provider.url, lambda: Heartbeat.objects.exists(), clock=FastClock(1))
    assert Heartbeat.objects.get().disk_free_bytes < MIN_FREE_DISK_BYTES
