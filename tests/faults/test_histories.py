"""Random histories of presses, answers, kills, callbacks, clocks and decisions of admins.

After every single step the studio is held against what the far end really took and charges.
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
from evolink_studio.generations.pipeline import downloading as saving
from evolink_studio.library.models import Asset
from tests.faults.conftest import SIZE
from tests.faults.histories import Histories
from tests.faults.table import tally

pytestmark = [pytest.mark.django_db, pytest.mark.faults]

HISTORIES, STEPS = 20, 50


@pytest.fixture
def _films_come_and_go(monkeypatch) -> None:
    """The copying itself has tests of its own: here every third film comes at the second try."""

    async def fetch(generation, position, url, far, clock) -> Asset:
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

    monkeypatch.setattr(saving, "_download_one", fetch)


@pytest.mark.usefixtures("_films_come_and_go")
def test_whatever_happens_in_whatever_order_the_promises_hold():
    with tally("Random histories") as counted:
        Histories.counted = counted
        run_state_machine_as_test(
            Histories,
            settings=settings(
                max_examples=HISTORIES * SIZE,
                stateful_step_count=STEPS,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
