"""A worker is killed at every moment of saving: the film is kept once, whole, and said to be."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.library.models import Asset
from tests.factories import GenerationFactory
from tests.faults.conftest import fresh_worker, states
from tests.faults.table import tally
from tests.faults.test_dying_senders import AT_EVERY_MOMENT, died_at
from tests.library.footage import film

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


def test_whenever_the_saver_dies_every_film_is_kept_once(place, far, ada, settings, tmp_path):
    clip = film(tmp_path / "clip.mp4").read_bytes()
    far.serve("/film.mp4", clip)
    for _ in range(45):
        made = GenerationFactory(owner=ada, state="saving", result_urls=[far.url + "/film.mp4"])
        Generation.objects.filter(pk=made.pk).update(
            next_attempt_at=timezone.now(), results_expire_at=timezone.now() + timedelta(hours=24)
        )
    with tally(AT_EVERY_MOMENT) as counted:
        moments = died_at(place, "save")
        counted.cases = len(moments)
        every_film_was_kept_once(far, settings, clip, moments)


def every_film_was_kept_once(far, settings, clip, moments) -> None:
    assert {"before download", "before moving the file", "before commit"} <= set(moments)
    assert states()["completed"] < 45

    worker = fresh_worker(far)
    worker.save()
    assert states() == {"completed": 45}
    assert GeneratedVideo.objects.count() == Asset.objects.count() == 45
    for asset in Asset.objects.all():
        content = (Path(settings.MEDIA_ROOT) / asset.file.name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == asset.sha256
        assert content == clip
