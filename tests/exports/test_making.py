"""The worker makes a file: whole, once, and whatever happens in between."""

import errno
import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.core.files.storage import default_storage

from evolink_studio.accounts.models import User
from evolink_studio.exports import making, services, sources
from evolink_studio.exports.models import Export
from evolink_studio.generations.models import Generation
from evolink_studio.library.models import Asset
from evolink_studio.worker import exports
from evolink_studio.worker.exports import make_next_export
from evolink_studio.worker.periodic import _delete_what_nobody_needs
from tests.exports.conftest import ROW_COUNT, begin, list_stored, make_all, read_rows
from tests.factories import NOW, GenerationFactory
from tests.unavailable_storage import UnavailableStorage

pytestmark = pytest.mark.django_db(transaction=True)


def read_content(export: Export) -> bytes:
    with default_storage.open(export.file) as file:
        return bytes(file.read())


def list_parts(settings) -> list[Path]:
    return list(Path(settings.MEDIA_ROOT).glob("incoming/export-*"))


def test_the_file_has_every_row_once_in_the_order_of_the_page(export, clock, settings):
    assert make_all(clock) == 1
    export.refresh_from_db()
    assert export.state == Export.State.READY
    rows = read_rows(content := read_content(export))
    expected_ids = Generation.objects.order_by("-created_at", "-pk").values_list("pk", flat=True)
    assert [row[0] for row in rows[1:]] == [str(pk) for pk in expected_ids]
    assert rows[1][12].startswith("'=film"), "cells are escaped as in any CSV"
    assert export.row_count == export.written_count == ROW_COUNT
    assert (export.size_bytes, export.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert list_parts(settings) == []
    assert make_all(clock) == 0


def test_rows_that_come_meanwhile_shift_nothing(export, clock, generations):
    leased, steps = begin(clock, 3)
    GenerationFactory(created_at=NOW + timedelta(hours=1))
    assert not making.advance_export(steps, leased, seconds=60)
    ids = [row[0] for row in read_rows(read_content(leased))[1:]]
    assert sorted(ids) == sorted(str(row.pk) for row in generations)


def test_after_kill_9_another_worker_begins_again(export, clock):
    """What the first one had is lost with it: its row says only until when it may be at work."""
    first, steps = begin(clock, 3)
    assert services.lease_next(now=clock()) is None, "it is in hand"
    clock.advance(seconds=services.LEASE_DURATION.seconds)
    assert make_all(clock) == 1
    export.refresh_from_db()
    assert (export.state, export.written_count) == (Export.State.READY, ROW_COUNT)
    file = export.file
    # The first one was not dead, but asleep.
    assert not making.advance_export(steps, first, seconds=60)
    export.refresh_from_db()
    assert export.file == file
    assert list_stored() == [Path(file).name]


def test_a_worker_that_is_asked_to_end_gives_it_back_at_once(export, clock, settings):
    async_to_sync(make_next_export)(clock=clock, is_stopping=lambda: True)
    export.refresh_from_db()
    assert (export.state, export.lease_id, export.attempts) == (Export.State.WAITING, None, 0)
    assert list_parts(settings) == []
    assert make_all(clock) == 1


def test_a_worker_that_ends_in_the_middle_gives_it_back(export, clock, settings, monkeypatch):
    monkeypatch.setattr(exports, "SLICE_SECONDS", 0)
    parts_by_slice: list[int] = []

    def is_stopping() -> bool:
        parts_by_slice.append(len(list_parts(settings)))
        return len(parts_by_slice) > 3

    assert not async_to_sync(make_next_export)(clock=clock, is_stopping=is_stopping)
    assert parts_by_slice == [0, 0, 1, 1]
    export.refresh_from_db()
    assert (export.state, export.lease_id, export.attempts) == (Export.State.WAITING, None, 0)
    assert list_parts(settings) == []
    assert make_all(clock) == 1


def test_what_kills_its_worker_each_time_is_given_up(export, clock):
    for _ in range(services.MAX_ATTEMPTS):
        _killed = begin(clock, 1)
        clock.advance(seconds=services.LEASE_DURATION.seconds)
    assert make_all(clock) == 0
    export.refresh_from_db()
    assert (export.state, export.failure) == (Export.State.FAILED, Export.Failure.BROKEN)


def test_what_can_never_be_made_is_given_up(export, clock, settings, monkeypatch):
    def break_off(_rows):
        raise ValueError("a row that no line can be made of")

    monkeypatch.setattr(sources.ExportRows, "read_many", break_off)
    for _ in range(services.MAX_ATTEMPTS):
        with pytest.raises(ValueError, match="no line"):
            make_all(clock)
        assert make_all(clock) == 0, "it waits for a while"
        assert list_parts(settings) == []
        clock.advance(seconds=services.LEASE_DURATION.seconds)
    assert make_all(clock) == 0
    export.refresh_from_db()
    assert (export.state, export.failure) == (Export.State.FAILED, Export.Failure.BROKEN)


def test_progress_is_told_and_the_lease_renewed(export, clock):
    leased, steps = begin(clock, 2)
    clock.advance(seconds=3)
    assert making.advance_export(steps, leased, seconds=0)
    export.refresh_from_db()
    assert export.written_count == 2
    assert export.percent == 2 * 100 // ROW_COUNT
    assert export.next_attempt_at == clock() + services.LEASE_DURATION


def test_who_may_no_longer_see_the_rows_gets_no_file(export, clock, staff):
    leased, steps = begin(clock, 3)
    User.objects.filter(pk=staff.pk).update(is_staff=False)
    assert not making.advance_export(steps, leased, seconds=60)
    export.refresh_from_db()
    assert (export.state, export.failure) == (Export.State.FAILED, Export.Failure.NO_PERMISSION)
    assert list_stored() == []


def test_who_could_not_see_them_any_more_when_it_began_gets_none(export, clock, staff):
    User.objects.filter(pk=staff.pk).update(is_active=False)
    make_all(clock)
    export.refresh_from_db()
    assert export.failure == Export.Failure.NO_PERMISSION


def test_a_person_who_was_deleted_leaves_no_file(export, clock, staff):
    leased, steps = begin(clock, 3)
    staff.delete()
    assert not making.advance_export(steps, leased, seconds=60)
    assert list_stored() == []


def test_filters_that_no_page_knows_any_more_are_said(export, clock):
    Export.objects.update(query="created_from=never")
    make_all(clock)
    export.refresh_from_db()
    assert export.failure == Export.Failure.BAD_QUERY


def test_an_export_that_is_deleted_meanwhile_ends(export, clock, settings):
    leased, steps = begin(clock, 3)
    services.delete_export(export)
    clock.advance(seconds=3)
    assert not making.advance_export(steps, leased, seconds=60)
    assert (list_stored(), list_parts(settings)) == ([], [])
    assert not Export.objects.exists()


def test_one_that_is_deleted_while_it_is_stored_leaves_no_file(export, clock, monkeypatch):
    store_file = making.storage.store_file

    def store_then_delete(path, name):
        store_file(path, name)
        Export.objects.all().delete()

    monkeypatch.setattr(making.storage, "store_file", store_then_delete)
    make_all(clock)
    assert list_stored() == []


def test_it_leaves_room_for_films(export, clock, monkeypatch):
    free = type("usage", (), {"free": making.MIN_FREE_BYTES - 1})
    monkeypatch.setattr(making.shutil, "disk_usage", lambda path: free)
    make_all(clock)
    export.refresh_from_db()
    assert (export.state, export.failure) == (Export.State.FAILED, Export.Failure.DISK_FULL)


def test_a_disk_that_is_full_all_the_same_is_said(export, clock, monkeypatch, settings):
    def refuse(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(making.storage, "_move_into_place", refuse)
    make_all(clock)
    export.refresh_from_db()
    assert export.failure == Export.Failure.DISK_FULL
    assert (list_stored(), list_parts(settings)) == ([], [])


@pytest.fixture
def away_storage(settings, monkeypatch):
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "tests.unavailable_storage.UnavailableStorage"},
    }
    monkeypatch.setattr(UnavailableStorage, "stored_files", {})
    monkeypatch.setattr(UnavailableStorage, "is_unavailable", True)
    return UnavailableStorage


def test_a_store_that_is_away_is_tried_again(export, clock, away_storage, settings):
    make_all(clock)
    export.refresh_from_db()
    assert export.state == Export.State.WAITING
    assert export.next_attempt_at == clock() + services.RETRY_DELAY
    assert list_parts(settings) == []
    away_storage.is_unavailable = False
    clock.advance(seconds=services.RETRY_DELAY.seconds)
    assert make_all(clock) == 1
    export.refresh_from_db()
    assert export.state == Export.State.READY
    assert len(read_rows(away_storage.stored_files[export.file])) == ROW_COUNT + 1


def test_a_store_that_stays_away_is_said_after_an_hour(export, clock, away_storage):
    for _ in range(30):
        make_all(clock)
        clock.advance(seconds=services.RETRY_DELAY.seconds)
    export.refresh_from_db()
    assert (export.state, export.failure) == (Export.State.FAILED, Export.Failure.STORAGE_AWAY)


def test_a_file_is_deleted_when_its_days_are_over(export, clock, generations):
    make_all(clock)
    kept_asset = Asset.objects.count()
    clock.advance(days=services.KEPT_FOR.days, seconds=-1)
    assert services.delete_expired(now=clock()) == 0
    assert len(list_stored()) == 1
    clock.advance(seconds=1)
    async_to_sync(_delete_what_nobody_needs)(clock(), is_stopping=lambda: False)
    assert list_stored() == []
    assert not Export.objects.exists()
    assert Asset.objects.count() == kept_asset


def test_a_file_that_no_row_names_is_deleted_after_a_day(export, clock, monkeypatch):
    make_all(clock)
    Export.objects.all().delete()  # as with its person
    services.delete_expired(now=clock())
    assert len(list_stored()) == 1, "it may be stored at this moment"
    monkeypatch.setattr(services.storage, "_is_old", lambda name, now: True)
    services.delete_expired(now=clock())
    assert list_stored() == []


def test_a_store_that_is_away_keeps_the_row_of_an_expired_file(export, clock, monkeypatch):
    make_all(clock)
    clock.advance(days=services.KEPT_FOR.days)
    monkeypatch.setattr(services.storage, "delete_file", lambda name: False)
    services.delete_expired(now=clock())
    assert Export.objects.exists()


def test_it_is_announced(export, clock, settings, monkeypatch, mailoutbox):
    monkeypatch.setattr(settings.ENV, "alert_email", "owner@example.org")
    make_all(clock)
    (mail,) = mailoutbox
    assert export.filename in mail.subject
    assert "It is ready. Asked for by helper." in mail.body
    assert "/admin/exports/export/" in mail.body


def test_what_waits_to_be_tried_again_is_not_announced(
    export, clock, away_storage, settings, monkeypatch, mailoutbox
):
    monkeypatch.setattr(settings.ENV, "alert_email", "owner@example.org")
    make_all(clock)
    assert mailoutbox == []
