"""Random histories of presses, answers, kills, callbacks, clocks and decisions of admins.

After every single step the studio is compared with what the provider accepted and charges.
FAULTS_SIZE multiplies how many histories are played.
"""

import uuid

import pytest
from asgiref.sync import sync_to_async
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    run_state_machine_as_test,
)

from evolink_studio.evolink.errors import LinkExpiredError
from evolink_studio.generations.pipeline import downloading
from evolink_studio.library.models import Asset
from tests.faults.conftest import FAULTS_SIZE
from tests.faults.random_histories import RandomHistories
from tests.faults.report import count_cases

pytestmark = [pytest.mark.django_db, pytest.mark.faults]

HISTORY_COUNT, STEP_COUNT = 20, 50


@pytest.fixture
def _fake_downloads(monkeypatch) -> None:
    """The copying itself has tests of its own: here every third film comes at the second try."""

    async def download_one(generation, position, url, provider, clock) -> Asset:
        if generation.attempts == 0 and generation.task_id.endswith(("0", "3", "6", "9")):
            raise LinkExpiredError("gone", 404)
        return await sync_to_async(Asset.objects.create)(
            owner_id=generation.owner_id,
            kind=Asset.Kind.VIDEO,
            origin=Asset.Origin.RESULT,
            name="film.mp4",
            format="mp4",
            mime="video/mp4",
            bytes=1,
            sha256=uuid.uuid4().hex * 2,
            file=f"assets/{generation.pk}.mp4",
            created=clock(),
        )

    monkeypatch.setattr(downloading, "_download_one", download_one)


@pytest.mark.usefixtures("_fake_downloads")
def test_whatever_happens_in_whatever_order_the_invariants_hold():
    with count_cases("Random histories") as case_counter:
        RandomHistories.case_counter = case_counter
        run_state_machine_as_test(
            RandomHistories,
            settings=settings(
                max_examples=HISTORY_COUNT * FAULTS_SIZE,
                stateful_step_count=STEP_COUNT,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
