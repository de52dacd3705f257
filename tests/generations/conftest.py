from collections.abc import Iterator

import pytest
from django.test import Client

from evolink_studio.catalog import SPECS
from evolink_studio.generations.models import Generation
from tests.catalog.foreign import FOREIGN
from tests.factories import GenerationFactory, UserFactory
from tests.farend import FarEnd
from tests.work import Clock, Worker


@pytest.fixture
def far() -> Iterator[FarEnd]:
    with FarEnd() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(far: FarEnd, clock: Clock) -> Worker:
    return Worker(far.url, clock)


@pytest.fixture
def ada(db):
    return UserFactory(username="ada")


@pytest.fixture
def eve(db):
    return UserFactory(username="eve")


@pytest.fixture
def tab(client: Client, ada) -> Client:
    """Ada's browser."""
    client.force_login(ada)
    return client


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three more AI models in the catalogue, and nothing else changed."""
    for model_id, spec in FOREIGN.items():
        monkeypatch.setitem(SPECS, model_id, spec)


@pytest.fixture
def generation(db) -> Generation:
    """A wish that waits to be sent."""
    return GenerationFactory()


@pytest.fixture
def running(db, far: FarEnd, worker: Worker) -> Generation:
    """A generation that EvoLink works on."""
    generation = GenerationFactory()
    worker.send()
    return fresh(generation)


def says(far: FarEnd, generation: Generation, **fields: object) -> None:
    """What EvoLink says of its task from now on."""
    far.move(generation.task_id, **fields)


def gap(worker: Worker, generation: Generation) -> float:
    """Seconds until it is looked at next."""
    return (fresh(generation).next_attempt_at - worker.clock()).total_seconds()


def fresh(generation: Generation) -> Generation:
    """The generation as it stands in the database now."""
    return Generation.objects.get(pk=generation.pk)
