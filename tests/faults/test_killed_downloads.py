"""A worker is killed at every moment of saving: the film is stored once, whole, and shown."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.library.models import Asset
from tests.factories import GenerationFactory
from tests.faults.conftest import count_states, create_later_worker
from tests.faults.report import count_cases
from tests.faults.test_killed_dispatches import KILLED_AREA, kill_at_each_moment
from tests.sample_videos import make_video

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


def test_whenever_the_downloading_worker_dies_every_film_is_stored_once(
    instance, fake_provider, ada, settings, tmp_path
):
    clip = make_video(tmp_path / "clip.mp4").read_bytes()
    fake_provider.serve_file("/film.mp4", clip)
    for _ in range(45):
        generation = GenerationFactory(
            owner=ada, state="saving", result_urls=[fake_provider.url + "/film.mp4"]
        )
        Generation.objects.filter(pk=generation.pk).update(
            next_attempt_at=timezone.now(), results_expire_at=timezone.now() + timedelta(hours=24)
        )
    with count_cases(KILLED_AREA) as case_counter:
        moments = kill_at_each_moment(instance, "save")
        case_counter.cases = len(moments)
        assert_stored_once(fake_provider, settings, clip, moments)


def assert_stored_once(fake_provider, settings, expected, moments) -> None:
    assert {"before download", "before moving the file", "before commit"} <= set(moments)
    assert count_states()["completed"] < 45

    worker = create_later_worker(fake_provider)
    worker.download_due()
    assert count_states() == {"completed": 45}
    assert GeneratedVideo.objects.count() == Asset.objects.count() == 45
    for asset in Asset.objects.all():
        content = (Path(settings.MEDIA_ROOT) / asset.file.name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == asset.sha256
        assert content == expected
