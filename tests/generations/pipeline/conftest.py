"""Videos that lie ready at the provider, and a library that cannot be reached."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from tests.factories import NOW, GenerationFactory
from tests.sample_videos import make_video
from tests.unavailable_storage import UnavailableStorage, use_unavailable_storage


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> bytes:
    """A film of two seconds."""
    return make_video(tmp_path_factory.mktemp("film") / "clip.mp4").read_bytes()


@pytest.fixture(scope="module")
def other_video(tmp_path_factory) -> bytes:
    return make_video(tmp_path_factory.mktemp("film") / "another.mp4", seconds=1).read_bytes()


@pytest.fixture
def saving_generation(fake_provider, video):
    """A generation whose film lies ready at EvoLink."""
    return create_saving_generation(fake_provider, fake_provider.serve_file("/film.mp4", video))


def create_saving_generation(fake_provider, *urls) -> Generation:
    generation = GenerationFactory(
        state=State.SAVING, result_urls=list(urls), results_expire_at=NOW + timedelta(hours=24)
    )
    fake_provider.tasks[generation.task_id] = {"id": generation.task_id, "status": "completed"}
    fake_provider.complete_task(generation.task_id, *urls)
    return generation


def read_stored_videos(generation) -> list[bytes]:
    return [result.asset.file.read() for result in generation.results.all()]


def list_leftover_files(settings) -> list[Path]:
    incoming = Path(settings.MEDIA_ROOT) / "incoming"
    return [path for path in incoming.rglob("*") if path.is_file()]


@pytest.fixture
def unavailable_storage(settings) -> Iterator[type[UnavailableStorage]]:
    """The library's store, which cannot be reached."""
    with use_unavailable_storage(settings) as storage:
        yield storage
