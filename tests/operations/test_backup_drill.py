"""The drill: a studio at work is backed up and brought back. Nothing is missing or paid twice.

The restored studio runs as its own processes against a provider that would count every POST.
"""

import signal
import threading
import uuid
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from evolink_studio.catalog import get_spec
from evolink_studio.credits.models import Allowance
from evolink_studio.generations import services
from evolink_studio.generations.models import ChangeFeed, GeneratedVideo, Generation
from evolink_studio.generations.states import State
from evolink_studio.library import storage
from evolink_studio.library.media import video
from evolink_studio.library.services import add_image, add_result
from evolink_studio.operations.backup import create_backup
from tests.factories import VEO, GenerationFactory, UserFactory
from tests.fake_provider import FakeProvider
from tests.sample_images import make_image
from tests.sample_videos import make_video
from tests.worker_processes import StudioInstance, create_empty_instance

pytestmark = pytest.mark.django_db(transaction=True)

TABLE_NAMES = (
    "accounts_user",
    "credits_ratecard",
    "generations_changefeed",
    "generations_generation",
    "generations_generation_inputs",
    "generations_generatedvideo",
    "library_asset",
)
STATES_QUERY = (
    "SELECT id, state, charge, error_code, task_id FROM generations_generation ORDER BY id"
)


@pytest.fixture
def generations_by_state(tmp_path) -> dict[str, Generation]:
    """A generation in every state, one with a kept film and a picture it was made from."""
    ada, now = UserFactory(username="ada"), timezone.now()
    services.ensure_feed(owner=ada)
    generations = {
        state.value: GenerationFactory(
            owner=ada, state=state, created_at=now - timedelta(minutes=2)
        )
        for state in State
    }
    image = add_image(owner=ada, content=make_image(), name="cat.png", now=now)
    generations["completed"].inputs.add(image)
    video_path = make_video(tmp_path / "clip.mp4", has_audio=True)
    asset = add_result(owner_id=ada.pk, path=video_path, name="clip-1", now=now)
    GeneratedVideo.objects.create(generation=generations["completed"], asset=asset, position=0)
    return generations


@contextmanager
def create_continuously(owner):
    """Somebody goes on pressing the button; yields a gate that is open once they have begun."""
    start_event, stop_event = threading.Event(), threading.Event()

    def create_rows():
        try:
            while not stop_event.is_set():
                GenerationFactory(owner=owner, state=State.COMPLETED, created_at=timezone.now())
                start_event.set()
        finally:
            connection.close()

    thread = threading.Thread(target=create_rows)
    thread.start()
    assert start_event.wait(60)
    try:
        yield
    finally:
        stop_event.set()
        thread.join()


def count_rows(instance: StudioInstance) -> dict[str, int]:
    return {table: instance.query(f"SELECT count(*) FROM {table}")[0][0] for table in TABLE_NAMES}


def restore_instance(
    target: Path, folder: Path, fake_provider: FakeProvider | None = None
) -> StudioInstance:
    instance = create_empty_instance(folder, fake_provider)
    result = instance.run_command("restore", target)
    assert result.returncode == 0, result.stderr
    return instance


def run_worker_until(instance: StudioInstance, event: threading.Event) -> None:
    worker = instance.start_command("worker")
    try:
        assert event.wait(60)
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0


def test_everything_comes_back_from_a_backup_made_while_rows_are_written(
    generations_by_state, tmp_path
):
    with create_continuously(generations_by_state["queued"].owner):
        manifest = create_backup(tmp_path / "safe", now=timezone.now()).manifest
    new_instance = restore_instance(tmp_path / "safe", tmp_path / "new")
    assert count_rows(new_instance) == {table: manifest.rows[table] for table in TABLE_NAMES}
    assert manifest.rows["generations_generation"] > len(State)
    assets = new_instance.query(
        "SELECT file, poster, sha256 FROM library_asset WHERE kind = 'video'"
    )
    for name, poster, sha256 in assets:
        path = new_instance.folder / "media" / name
        assert storage.compute_sha256(path) == sha256
        assert video.probe_video(path).seconds >= 2
        assert (new_instance.folder / "media" / poster).stat().st_size > 0
    assert len(assets) == 1


def test_what_was_about_to_be_sent_is_told_as_it_is_and_all_else_stays(
    generations_by_state, tmp_path
):
    create_backup(tmp_path / "safe", now=timezone.now())
    before = {pk: (state, *facts) for pk, state, *facts in _generation_values()}
    new_instance = restore_instance(tmp_path / "safe", tmp_path / "new")
    for state, generation in generations_by_state.items():
        (restored_row,) = (
            row for row in new_instance.query(STATES_QUERY) if row[0] == generation.pk
        )
        if state in ("queued", "sending"):
            assert restored_row[1:] == ("unknown", "unclear", "restored", None)
        else:
            assert restored_row[1:] == before[generation.pk]


def _generation_values():
    fields = ("pk", "state", "charge", "error_code", "task_id")
    return Generation.objects.values_list(*fields)


def test_an_old_backup_never_sends_anything_again(generations_by_state, fake_provider, tmp_path):
    """Its worker reads what runs and saves what is made; what waited is not sent, ever."""
    saved_event = threading.Event()
    link = fake_provider.serve_file("/film.mp4", make_video(tmp_path / "late.mp4").read_bytes())
    running, saving = generations_by_state["running"], generations_by_state["saving"]
    for generation in (running, saving):
        fake_provider.tasks[generation.task_id] = {"id": generation.task_id}
        fake_provider.complete_task(generation.task_id, link)
    Generation.objects.filter(pk=saving.pk).update(result_urls=[link])
    create_backup(tmp_path / "safe", now=timezone.now())
    new_instance = restore_instance(tmp_path / "safe", tmp_path / "new", fake_provider)

    attempts = iter(range(2))

    def serve(request):
        if next(attempts) == 1:
            saved_event.set()
        return fake_provider.files["/film.mp4"](request)

    fake_provider.media.reply_always(serve)
    run_worker_until(new_instance, saved_event)
    assert fake_provider.create.requests == []
    assert fake_provider.upload.requests == []
    states = {pk: state for pk, state, *_ in new_instance.query(STATES_QUERY)}
    assert states[running.pk] == states[saving.pk] == "completed"
    assert (
        states[generations_by_state["queued"].pk]
        == states[generations_by_state["sending"].pk]
        == "unknown"
    )


def test_only_a_lost_answer_from_well_before_the_backup_is_searched_for(
    generations_by_state, tmp_path
):
    """A task of the last minute could belong to a press that the backup knows nothing of."""
    recent_row, old_row, now = (
        generations_by_state["unknown"],
        generations_by_state["completed"],
        timezone.now(),
    )
    lost_rows = Generation.objects.filter(pk__in=[recent_row.pk, old_row.pk])
    lost_rows.update(state=State.UNKNOWN, next_attempt_at=now)
    lost_rows.filter(pk=recent_row.pk).update(sent_at=now - timedelta(seconds=30))
    lost_rows.filter(pk=old_row.pk).update(sent_at=now - timedelta(minutes=5))
    create_backup(tmp_path / "safe", now=now)
    new_instance = restore_instance(tmp_path / "safe", tmp_path / "new")
    searched_ids = new_instance.query(
        "SELECT id FROM generations_generation"
        " WHERE state = 'unknown' AND next_attempt_at IS NOT NULL"
    )
    assert searched_ids == [(old_row.pk,)]


def test_the_ledger_of_a_restored_studio_is_consistent(tmp_path):
    ada, spec = UserFactory(username="ada"), get_spec(VEO)
    Allowance.objects.create(user=ada, credits_limit=Decimal(1000))
    for number in range(3):
        result = services.create_generation(
            owner=ada,
            spec=spec,
            params={"prompt": "A cat playing piano"},
            assets=(),
            form_key=uuid.uuid4(),
            credits_estimated=Decimal("162"),
            now=timezone.now(),
        )
        if number == 0:
            services.cancel(generation=result.generation, now=timezone.now())
    create_backup(tmp_path / "safe", now=timezone.now())
    new_instance = restore_instance(tmp_path / "safe", tmp_path / "new")
    proof = new_instance.run_command("check_ledger")
    assert proof.returncode == 0, proof.stdout
    assert "3 generations" in proof.stdout


def test_a_page_open_from_before_hears_of_what_comes_after(generations_by_state, tmp_path):
    create_backup(tmp_path / "safe", now=timezone.now())
    owner = generations_by_state["queued"].owner
    for _ in range(50):
        GenerationFactory(owner=owner)
    shown_version = ChangeFeed.objects.get(pk=owner.pk).version + 50
    new_instance = restore_instance(tmp_path / "safe", tmp_path / "new")
    assert new_instance.query("SELECT version FROM generations_changefeed")[0][0] > shown_version


def test_a_restored_studio_can_be_backed_up_and_restored_again(generations_by_state, tmp_path):
    create_backup(tmp_path / "safe", now=timezone.now())
    first = restore_instance(tmp_path / "safe", tmp_path / "new")
    result = first.run_command("backup", tmp_path / "safer")
    assert result.returncode == 0, result.stderr
    second = restore_instance(tmp_path / "safer", tmp_path / "newer")
    assert count_rows(second) == count_rows(first)
    assert second.query(STATES_QUERY) == first.query(STATES_QUERY)
