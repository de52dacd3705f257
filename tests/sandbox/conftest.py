import pytest

from tests.sandbox.world import World, served


@pytest.fixture
def make_world(tmp_path):
    """Sandboxes without a server, each with a clock of its own."""
    made = []

    def make(render=None, **settings):
        made.append(World(tmp_path, render, **settings))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world):
    return make_world()


@pytest.fixture(scope="module")
def far_end(tmp_path_factory):
    """Over a real socket, with the real clock, ten times as fast."""
    folder = tmp_path_factory.mktemp("sandbox")
    with served(folder, pace=0.1, allow_loopback_callbacks=True) as caller:
        yield caller


@pytest.fixture(scope="module")
def counter(tmp_path_factory):
    """Over a real socket; it takes orders, and so slowly that no film is begun."""
    with served(tmp_path_factory.mktemp("sandbox"), pace=1000) as caller:
        yield caller
