"""Films that wait here: several of one generation, and several machines."""

from datetime import timedelta
from pathlib import Path

import pytest

from evolink_studio.generations.incidents import claim_new_alerts
from evolink_studio.generations.pipeline import downloading
from evolink_studio.generations.presenters.cards import present_card
from evolink_studio.library.models import Asset
from tests.factories import NOW
from tests.generations.conftest import reload
from tests.generations.pipeline.conftest import (
    create_saving_generation,
    list_leftover_files,
    read_stored_videos,
)
from tests.generations.pipeline.download_faults import (
    expire_links,
    run_for_days,
)
from tests.provider_replies import Reply, make_error_reply

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_film_of_a_generation_is_fetched_while_its_link_lives(
    fake_provider, worker, video, other_video, unavailable_storage, settings
):
    generation = create_saving_generation(
        fake_provider,
        fake_provider.serve_file("/1.mp4", video),
        fake_provider.serve_file("/2.mp4", other_video),
    )
    worker.download_due()
    assert sorted(len(path.read_bytes()) for path in list_leftover_files(settings)) == sorted(
        [len(video), len(other_video)]
    )
    expire_links(fake_provider, generation, "/1.mp4", "/2.mp4")
    run_for_days(worker, generation, 2)
    unavailable_storage.is_unavailable = False
    worker.download_due()
    assert read_stored_videos(reload(generation)) == [video, other_video]
    assert len(fake_provider.media.requests) == 2


def test_a_film_that_the_library_has_is_not_fetched_again_for_the_sake_of_another(
    fake_provider, worker, video, other_video
):
    fake_provider.files["/2.mp4"] = make_error_reply(503, "x")
    generation = create_saving_generation(
        fake_provider, fake_provider.serve_file("/1.mp4", video), fake_provider.url + "/2.mp4"
    )
    worker.download_due()
    assert Asset.objects.count() == 1
    fake_provider.files["/1.mp4"] = Reply(404)
    fake_provider.serve_file("/2.mp4", other_video)
    worker.advance_until_due(generation)
    worker.download_due()
    assert read_stored_videos(reload(generation)) == [video, other_video]
    assert [request.path for request in fake_provider.media.requests] == [
        "/1.mp4",
        "/2.mp4",
        "/2.mp4",
    ]


@pytest.mark.parametrize("first", [True, False])
def test_when_one_film_is_lost_the_other_is_kept_all_the_same(fake_provider, worker, video, first):
    """Paid is paid: half of it is better than nothing, and it is said."""
    good_url, dead_url = fake_provider.serve_file("/1.mp4", video), fake_provider.url + "/dead.mp4"
    generation = create_saving_generation(
        fake_provider, *((good_url, dead_url) if first else (dead_url, good_url))
    )
    worker.download_due()
    assert reload(generation).state == "saving"
    worker.clock.advance(hours=27)
    worker.download_due()
    current = reload(generation)
    assert (current.state, current.error_code, current.charge) == (
        "completed",
        "film_lost",
        "charged",
    )
    assert read_stored_videos(current) == [video]
    assert [result.position for result in current.results.all()] == [0 if first else 1]
    assert "except for a film whose link ended" in present_card(current, now=worker.clock()).message


def test_while_one_film_waits_here_nothing_is_given_up(
    fake_provider, worker, video, unavailable_storage
):
    generation = create_saving_generation(
        fake_provider, fake_provider.serve_file("/1.mp4", video), fake_provider.url + "/dead.mp4"
    )
    worker.download_due()
    expire_links(fake_provider, generation, "/1.mp4")
    run_for_days(worker, generation, 3)
    assert reload(generation).state == "saving"
    unavailable_storage.is_unavailable = False
    worker.download_due()
    assert reload(generation).state == "completed"
    assert read_stored_videos(reload(generation)) == [video]


class WorkerMachine:
    """A worker with a disk of its own; the database and the store belong to all."""

    def __init__(self, worker, settings, folder: Path) -> None:
        self._worker, self._settings, self.folder = worker, settings, folder

    def download_due(self) -> None:
        self._settings.MEDIA_ROOT = self.folder
        self._worker.download_due()

    @property
    def local_copies(self) -> list[bytes]:
        return [path.read_bytes() for path in (self.folder / "incoming").glob("*.whole")]


@pytest.fixture
def machines(worker, settings, tmp_path) -> list[WorkerMachine]:
    return [WorkerMachine(worker, settings, tmp_path / name) for name in ("one", "two")]


def test_while_the_link_lives_another_machine_fetches_its_own(
    fake_provider, worker, saving_generation, video, unavailable_storage, machines
):
    first_machine, second_machine = machines
    first_machine.download_due()
    worker.advance_until_due(saving_generation)
    second_machine.download_due()
    assert (first_machine.local_copies, second_machine.local_copies) == ([video], [video])
    unavailable_storage.is_unavailable = False
    worker.advance_until_due(saving_generation)
    second_machine.download_due()
    assert read_stored_videos(reload(saving_generation)) == [video]


def test_after_the_link_died_who_has_no_copy_leaves_it_to_who_has_one(
    fake_provider, worker, saving_generation, video, unavailable_storage, machines
):
    first_machine, second_machine = machines
    first_machine.download_due()
    expire_links(fake_provider, saving_generation)
    worker.clock.advance(days=4)
    for _ in range(3):
        worker.advance_until_due(saving_generation)
        second_machine.download_due()
        current = reload(saving_generation)
        assert (current.state, current.error_code, current.local_copy_seen_at) == (
            "saving",
            "link_dead",
            NOW,
        )
    unavailable_storage.is_unavailable = False
    worker.advance_until_due(saving_generation)
    first_machine.download_due()
    assert read_stored_videos(reload(saving_generation)) == [video]


def test_a_copy_that_nobody_saw_for_two_weeks_is_given_up_and_admins_knew_long_before(
    fake_provider, worker, saving_generation, unavailable_storage, machines
):
    first_machine, second_machine = machines
    first_machine.download_due()
    expire_links(fake_provider, saving_generation)
    alerts = []
    while reload(saving_generation).state == "saving":
        alerts += [
            (alert.type.name, worker.clock() - NOW)
            for alert in claim_new_alerts(now=worker.clock())
        ]
        worker.clock.advance(hours=6)
        second_machine.download_due()
    assert reload(saving_generation).error_code == "film_lost"
    assert worker.clock() - NOW >= downloading.LOCAL_COPY_RETENTION
    assert [reason for reason, _ in alerts] == ["parked", "astray"]
    assert alerts[1][1] <= timedelta(hours=30)
