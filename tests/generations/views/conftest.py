import pytest
import time_machine

from evolink_studio.generations.services import record_heartbeat
from tests.factories import NOW


@pytest.fixture
def frozen_clock(db):
    """A live worker, and the clock stands at NOW."""
    with time_machine.travel(NOW, tick=False) as clock:
        record_heartbeat(worker="here", disk_free_bytes=10**12, now=NOW)
        yield clock
