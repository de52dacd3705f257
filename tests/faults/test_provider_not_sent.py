"""Nothing left this machine, or EvoLink asks to wait: it costs nothing and is paid once."""

import socket
from dataclasses import replace
from datetime import timedelta

import pytest

from evolink_studio.evolink.client import Deadlines
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from tests.answers import error
from tests.farend import closed_port
from tests.faults.conftest import nothing_was_paid_twice_and_nothing_is_hidden
from tests.faults.journeys import all_is_cleared, fresh, journey, link, states, taken_at_most_once
from tests.faults.table import tally

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
__all__ = ["journey", "link"]  # fixtures


def unresolvable(*_args, **_kwargs):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


WAYS = ["refused", "no such name", "no TLS", "closed in the handshake", "silent in the handshake"]


@pytest.mark.django_db
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("back", [True, False], ids=["for a while", "for ever"])
def test_what_could_not_leave_costs_nothing_and_leaves_once_the_line_is_back(
    journey, far, monkeypatch, way, back
):
    urls = {
        "refused": f"http://127.0.0.1:{closed_port()}",
        "no such name": "http://name.invalid",
    }
    url = urls.get(way, far.url.replace("http:", "https:"))
    away = replace(journey.worker, url=url, files_url=far.url, deadlines=Deadlines(create=0.1))
    with tally("Provider: no connection, no name, no TLS") as counted:
        rows = journey.press(2)
        with monkeypatch.context() as now:
            if way == "no such name":
                now.setattr(socket, "getaddrinfo", unresolvable)
            far.closes_at_once = 10**6 if way.startswith("closed") else 0
            far.mute = way.startswith("silent")
            for minutes in (1, 1, 1) if back else (1, 20, 40, 1):
                journey.send_all(away)
                assert far.received == []
                counted.cases += len(rows)
                journey.clock.forward(minutes=minutes)
        far.closes_at_once, far.mute = 0, False
        assert states() == ({"queued": 2} if back else {"failed": 2})
        journey.send_all()
        assert far.paid == (2 if back else 0)
        for row in rows if back else ():
            far.fail(journey.task_of(row), "service_error")
        journey.until_all_ended()
        nothing_was_paid_twice_and_nothing_is_hidden(far)
        all_is_cleared(far)


HOSTILE = [
    *("", "0", "-1", "121", "3600", "999999999", "1e9", "inf", "nan", "soon", "0x10", "７"),
    *("7, 8", "5; drop", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00"),
]


def test_no_wish_to_wait_can_stop_the_studio(journey, far, link):
    """A row waits at most two minutes, others go on, and what was asked to wait is paid once."""
    with tally("Provider: hostile Retry-After") as counted:
        for asked in HOSTILE:
            waiting, other = journey.press(2)
            limit = error(429, "rate_limit_exceeded")
            headers = dict(limit.headers) | ({"retry-after": asked} if asked else {})
            limit = replace(limit, headers={k: latin(v) for k, v in headers.items()})
            far.create.answers(limit)
            journey.send_all()
            found = {fresh(waiting).state, fresh(other).state}
            assert found == {"queued", "running"}, asked
            held = Generation.objects.get(state=State.QUEUED)
            assert (
                timedelta(0) < held.next_attempt_at - journey.clock() <= timedelta(seconds=120)
            ), asked
            journey.clock.forward(seconds=120)
            journey.send_all()
            assert states()["queued"] == 0
            counted.cases += 1
        journey.ends(Generation.objects.all(), link)
        journey.until_all_ended()
        taken_at_most_once(far)
        all_is_cleared(far)
        assert far.paid == 2 * len(HOSTILE)


def latin(text: str) -> str:
    return text.encode("utf-8", "replace").decode("latin-1").encode("ascii", "ignore").decode()


def test_a_third_wish_to_wait_gives_the_credits_back(journey, far):
    with tally("Provider: hostile Retry-After") as counted:
        rows = journey.press(5)
        far.create.always(error(429, "rate_limit_exceeded"))
        for _ in range(4):
            journey.send_all()
            journey.clock.forward(seconds=120)
        assert states() == {"failed": len(rows)}
        assert len(far.create.requests) == 3 * len(rows)
        counted.cases += len(rows)
        all_is_cleared(far)
