import pytest

from evolink_studio.catalog import SPECS
from evolink_studio.generations.models import Generation
from tests.catalog.sample_specs import SAMPLE_SPECS
from tests.factories import GenerationFactory
from tests.fake_provider import FakeProvider
from tests.manual_worker import FakeClock, ManualWorker


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def worker(fake_provider: FakeProvider, clock: FakeClock) -> ManualWorker:
    return ManualWorker(fake_provider.url, clock)


@pytest.fixture
def sample_specs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three more AI models in the catalogue, and nothing else changed."""
    for model_id, spec in SAMPLE_SPECS.items():
        monkeypatch.setitem(SPECS, model_id, spec)


@pytest.fixture
def generation(db) -> Generation:
    """A generation that waits to be sent."""
    return GenerationFactory()


@pytest.fixture
def running_generation(db, fake_provider: FakeProvider, worker: ManualWorker) -> Generation:
    """A generation that EvoLink works on."""
    generation = GenerationFactory()
    worker.dispatch_due()
    return reload(generation)


def update_task(fake_provider: FakeProvider, generation: Generation, **fields: object) -> None:
    """What EvoLink says of its task from now on."""
    fake_provider.update_task(generation.task_id, **fields)


def seconds_until_due(worker: ManualWorker, generation: Generation) -> float:
    """Seconds until it is looked at next."""
    return (reload(generation).next_attempt_at - worker.clock()).total_seconds()


def reload(generation: Generation) -> Generation:
    """The generation as it stands in the database now."""
    return Generation.objects.get(pk=generation.pk)
