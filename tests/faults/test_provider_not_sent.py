"""Nothing left this machine, or EvoLink asks to wait: it costs nothing and is paid once."""

import socket
from dataclasses import replace
from datetime import timedelta

import pytest

from evolink_studio.evolink.client import Deadlines
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from tests.fake_provider import find_closed_port
from tests.faults.conftest import assert_nothing_paid_twice_or_hidden
from tests.faults.lifecycle import (
    assert_accepted_at_most_once,
    assert_all_cleared,
    count_states,
    reload,
)
from tests.faults.report import count_cases
from tests.provider_replies import make_error_reply

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


def fail_to_resolve(*_args, **_kwargs):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


FAILURE_MODES = [
    "refused",
    "no such name",
    "no TLS",
    "closed in the handshake",
    "silent in the handshake",
]


@pytest.mark.django_db
@pytest.mark.parametrize("failure", FAILURE_MODES)
@pytest.mark.parametrize("is_recovered", [True, False], ids=["for a while", "for ever"])
def test_what_could_not_be_sent_costs_nothing_and_is_sent_once_the_connection_is_back(
    lifecycle, fake_provider, monkeypatch, failure, is_recovered
):
    urls = {
        "refused": f"http://127.0.0.1:{find_closed_port()}",
        "no such name": "http://name.invalid",
    }
    url = urls.get(failure, fake_provider.url.replace("http:", "https:"))
    unreachable_worker = replace(
        lifecycle.worker, url=url, files_url=fake_provider.url, deadlines=Deadlines(create=0.1)
    )
    with count_cases("Provider: no connection, no name, no TLS") as case_counter:
        rows = lifecycle.create_generations(2)
        with monkeypatch.context() as now:
            if failure == "no such name":
                now.setattr(socket, "getaddrinfo", fail_to_resolve)
            fake_provider.connections_to_drop = 10**6 if failure.startswith("closed") else 0
            fake_provider.is_mute = failure.startswith("silent")
            for minutes in (1, 1, 1) if is_recovered else (1, 20, 40, 1):
                lifecycle.dispatch_all(unreachable_worker)
                assert fake_provider.received_requests == []
                case_counter.cases += len(rows)
                lifecycle.clock.advance(minutes=minutes)
        fake_provider.connections_to_drop, fake_provider.is_mute = 0, False
        assert count_states() == ({"queued": 2} if is_recovered else {"failed": 2})
        lifecycle.dispatch_all()
        assert fake_provider.paid_count == (2 if is_recovered else 0)
        for row in rows if is_recovered else ():
            fake_provider.fail_task(lifecycle.task_id_of(row), "service_error")
        lifecycle.run_until_all_ended()
        assert_nothing_paid_twice_or_hidden(fake_provider)
        assert_all_cleared(fake_provider)


HOSTILE_RETRY_AFTER = [
    *("", "0", "-1", "121", "3600", "999999999", "1e9", "inf", "nan", "soon", "0x10", "７"),
    *("7, 8", "5; drop", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00"),
]


def test_no_retry_after_can_stop_the_studio(lifecycle, fake_provider, video_url):
    """A row waits at most two minutes, others go on, and what was asked to wait is paid once."""
    with count_cases("Provider: hostile Retry-After") as case_counter:
        for retry_after in HOSTILE_RETRY_AFTER:
            waiting_row, other_row = lifecycle.create_generations(2)
            limit = make_error_reply(429, "rate_limit_exceeded")
            headers = dict(limit.headers) | ({"retry-after": retry_after} if retry_after else {})
            limit = replace(limit, headers={k: to_header_value(v) for k, v in headers.items()})
            fake_provider.create.reply_next(limit)
            lifecycle.dispatch_all()
            states = {reload(waiting_row).state, reload(other_row).state}
            assert states == {"queued", "running"}, retry_after
            queued_row = Generation.objects.get(state=State.QUEUED)
            assert (
                timedelta(0)
                < queued_row.next_attempt_at - lifecycle.clock()
                <= timedelta(seconds=120)
            ), retry_after
            lifecycle.clock.advance(seconds=120)
            lifecycle.dispatch_all()
            assert count_states()["queued"] == 0
            case_counter.cases += 1
        lifecycle.end_tasks(Generation.objects.all(), video_url)
        lifecycle.run_until_all_ended()
        assert_accepted_at_most_once(fake_provider)
        assert_all_cleared(fake_provider)
        assert fake_provider.paid_count == 2 * len(HOSTILE_RETRY_AFTER)


def to_header_value(text: str) -> str:
    return text.encode("utf-8", "replace").decode("latin-1").encode("ascii", "ignore").decode()


def test_a_third_retry_after_gives_the_credits_back(lifecycle, fake_provider):
    with count_cases("Provider: hostile Retry-After") as case_counter:
        rows = lifecycle.create_generations(5)
        fake_provider.create.reply_always(make_error_reply(429, "rate_limit_exceeded"))
        for _ in range(4):
            lifecycle.dispatch_all()
            lifecycle.clock.advance(seconds=120)
        assert count_states() == {"failed": len(rows)}
        assert len(fake_provider.create.requests) == 3 * len(rows)
        case_counter.cases += len(rows)
        assert_all_cleared(fake_provider)
