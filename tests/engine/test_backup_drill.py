"""The drill: a studio at work is backed up and brought back. Nothing is missing or paid twice.

The restored studio runs as its own processes against a far end that would count every POST.
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
from evolink_studio.operations.backup import take
from tests.engine.apart import Place, elsewhere
from tests.factories import VEO, GenerationFactory, UserFactory
from tests.farend import FarEnd
from tests.library.footage import film
from tests.pictures import picture

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = (
    "accounts_user",
    "credits_ratecard",
    "generations_changefeed",
    "generations_generation",
    "generations_generation_inputs",
    "generations_generatedvideo",
    "library_asset",
)
STATES = "SELECT id, state, charge, error_code, task_id FROM generations_generation ORDER BY id"


@pytest.fixture
def far():
    with FarEnd() as running:
        yield running


@pytest.fixture
def studio(tmp_path) -> dict[str, Generation]:
    """A generation in every state, one with a kept film and a picture it was made from."""
    ada, now = UserFactory(username="ada"), timezone.now()
    services.ensure_feed(owner=ada)
    made = {
        state.value: GenerationFactory(
            owner=ada, state=state, created_at=now - timedelta(minutes=2)
        )
        for state in State
    }
    cat = add_image(owner=ada, content=picture(), name="cat.png", now=now)
    made["completed"].inputs.add(cat)
    clip = film(tmp_path / "clip.mp4", sound=True)
    asset = add_result(owner_id=ada.pk, path=clip, name="clip-1", now=now)
    GeneratedVideo.objects.create(generation=made["completed"], asset=asset, position=0)
    return made


@contextmanager
def pressing(owner):
    """Somebody goes on pressing the button; yields a gate that is open once they have begun."""
    begun, over = threading.Event(), threading.Event()

    def press():
        try:
            while not over.is_set():
                GenerationFactory(owner=owner, state=State.COMPLETED, created_at=timezone.now())
                begun.set()
        finally:
            connection.close()

    thread = threading.Thread(target=press)
    thread.start()
    assert begun.wait(60)
    try:
        yield
    finally:
        over.set()
        thread.join()


def counts(place: Place) -> dict[str, int]:
    return {table: place.ask(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


def restored(target: Path, folder: Path, far: FarEnd | None = None) -> Place:
    place = elsewhere(folder, far)
    done = place.manage("restore", target)
    assert done.returncode == 0, done.stderr
    return place


def run_worker_until(place: Place, happened: threading.Event) -> None:
    worker = place.start("worker")
    try:
        assert happened.wait(60)
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0


def test_everything_comes_back_from_a_backup_made_while_people_worked(studio, tmp_path):
    with pressing(studio["queued"].owner):
        manifest = take(tmp_path / "safe", now=timezone.now()).manifest
    place = restored(tmp_path / "safe", tmp_path / "new")
    assert counts(place) == {table: manifest.rows[table] for table in TABLES}
    assert manifest.rows["generations_generation"] > len(State)
    kept = place.ask("SELECT file, poster, sha256 FROM library_asset WHERE kind = 'video'")
    for name, poster, sha256 in kept:
        path = place.folder / "media" / name
        assert storage.sha256_of(path) == sha256
        assert video.probe_video(path).seconds >= 2
        assert (place.folder / "media" / poster).stat().st_size > 0
    assert len(kept) == 1


def test_what_was_about_to_be_sent_is_told_as_it_is_and_all_else_stays(studio, tmp_path):
    take(tmp_path / "safe", now=timezone.now())
    before = {pk: (state, *facts) for pk, state, *facts in _facts()}
    place = restored(tmp_path / "safe", tmp_path / "new")
    for state, generation in studio.items():
        (found,) = (row for row in place.ask(STATES) if row[0] == generation.pk)
        if state in ("queued", "sending"):
            assert found[1:] == ("unknown", "unclear", "restored", None)
        else:
            assert found[1:] == before[generation.pk]


def _facts():
    fields = ("pk", "state", "charge", "error_code", "task_id")
    return Generation.objects.values_list(*fields)


def test_an_old_backup_never_sends_anything_again(studio, far, tmp_path):
    """Its worker reads what runs and saves what is made; what waited is not sent, ever."""
    saved = threading.Event()
    link = far.serve("/film.mp4", film(tmp_path / "late.mp4").read_bytes())
    running, saving = studio["running"], studio["saving"]
    for generation in (running, saving):
        far.tasks[generation.task_id] = {"id": generation.task_id}
        far.finish(generation.task_id, link)
    Generation.objects.filter(pk=saving.pk).update(result_urls=[link])
    take(tmp_path / "safe", now=timezone.now())
    place = restored(tmp_path / "safe", tmp_path / "new", far)

    served = iter(range(2))

    def serve(request):
        if next(served) == 1:
            saved.set()
        return far.files["/film.mp4"](request)

    far.media.always(serve)
    run_worker_until(place, saved)
    assert far.create.requests == []
    assert far.upload.requests == []
    states = {pk: state for pk, state, *_ in place.ask(STATES)}
    assert states[running.pk] == states[saving.pk] == "completed"
    assert states[studio["queued"].pk] == states[studio["sending"].pk] == "unknown"


def test_only_a_lost_answer_from_well_before_the_backup_is_searched_for(studio, tmp_path):
    """A task of the last minute could belong to a press that the backup knows nothing of."""
    lately, long_ago, now = studio["unknown"], studio["completed"], timezone.now()
    lost = Generation.objects.filter(pk__in=[lately.pk, long_ago.pk])
    lost.update(state=State.UNKNOWN, next_attempt_at=now)
    lost.filter(pk=lately.pk).update(sent_at=now - timedelta(seconds=30))
    lost.filter(pk=long_ago.pk).update(sent_at=now - timedelta(minutes=5))
    take(tmp_path / "safe", now=now)
    place = restored(tmp_path / "safe", tmp_path / "new")
    searched = place.ask(
        "SELECT id FROM generations_generation WHERE state = 'unknown' AND due IS NOT NULL"
    )
    assert searched == [(long_ago.pk,)]


def test_the_book_of_a_restored_studio_adds_up(tmp_path):
    ada, spec = UserFactory(username="ada"), get_spec(VEO)
    Allowance.objects.create(user=ada, credits_limit=Decimal(1000))
    for press in range(3):
        made = services.create_generation(
            owner=ada,
            spec=spec,
            params={"prompt": "A cat playing piano"},
            assets=(),
            form_key=uuid.uuid4(),
            credits_estimated=Decimal("162"),
            now=timezone.now(),
        )
        if press == 0:
            services.cancel(generation=made.generation, now=timezone.now())
    take(tmp_path / "safe", now=timezone.now())
    place = restored(tmp_path / "safe", tmp_path / "new")
    proof = place.manage("check_ledger")
    assert proof.returncode == 0, proof.stdout
    assert "3 generations" in proof.stdout


def test_a_page_open_from_before_hears_of_what_comes_after(studio, tmp_path):
    take(tmp_path / "safe", now=timezone.now())
    owner = studio["queued"].owner
    for _ in range(50):
        GenerationFactory(owner=owner)
    shown = ChangeFeed.objects.get(pk=owner.pk).version + 50
    place = restored(tmp_path / "safe", tmp_path / "new")
    assert place.ask("SELECT version FROM generations_changefeed")[0][0] > shown


def test_a_restored_studio_can_be_backed_up_and_restored_again(studio, tmp_path):
    take(tmp_path / "safe", now=timezone.now())
    first = restored(tmp_path / "safe", tmp_path / "new")
    done = first.manage("backup", tmp_path / "safer")
    assert done.returncode == 0, done.stderr
    second = restored(tmp_path / "safer", tmp_path / "newer")
    assert counts(second) == counts(first)
    assert second.ask(STATES) == first.ask(STATES)
