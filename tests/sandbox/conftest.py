import pytest

from tests.sandbox.sandboxes import InProcessSandbox, run_sandbox


@pytest.fixture
def make_sandbox(tmp_path):
    """Sandboxes without a server, each with a clock of its own."""
    sandboxes = []

    def create_sandbox(render=None, **settings):
        sandboxes.append(InProcessSandbox(tmp_path, render, **settings))
        return sandboxes[-1]

    yield create_sandbox
    for sandbox in sandboxes:
        sandbox.close()


@pytest.fixture
def sandbox(make_sandbox):
    return make_sandbox()


@pytest.fixture(scope="module")
def sandbox_client(tmp_path_factory):
    """Over a real socket, with the real clock, ten times as fast."""
    folder = tmp_path_factory.mktemp("sandbox")
    with run_sandbox(folder, pace=0.1, allow_loopback_callbacks=True) as client:
        yield client


@pytest.fixture(scope="module")
def slow_sandbox_client(tmp_path_factory):
    """Over a real socket; it accepts tasks, and is so slow that no film is begun."""
    with run_sandbox(tmp_path_factory.mktemp("sandbox"), pace=1000) as client:
        yield client
