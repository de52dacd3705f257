"""For films that are here while the library cannot take them."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import OperationalError

from evolink_studio.library.models import Asset
from tests import elsewhere
from tests.answers import Reply, error
from tests.elsewhere import Elsewhere


@pytest.fixture
def away(settings) -> Iterator[type[Elsewhere]]:
    """The library's store, which cannot be reached."""
    with elsewhere.away(settings) as store:
        yield store


def days_pass(worker, generation, days: float) -> None:
    """The worker tries whenever it wants to."""
    end = worker.clock() + timedelta(days=days)
    while worker.clock() < end:
        worker.save()
        worker.clock.forward(hours=6)


def dies(far, generation, *paths: str) -> None:
    """The link ends, and EvoLink has no other one."""
    for path in paths or ("/film.mp4",):
        far.files[path] = Reply(404)
    far.read.always(error(404, "task_not_found"))


def no_row(monkeypatch) -> None:
    def broken(**_fields):
        raise OperationalError("database is locked")

    monkeypatch.setattr(Asset.objects, "create", broken)
