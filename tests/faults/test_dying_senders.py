"""A worker is killed at every moment of sending: nothing is paid twice, nothing is hidden."""

import signal

import pytest

from tests.answers import drip, task
from tests.factories import AssetFactory
from tests.faults.conftest import (
    beside,
    freeze,
    fresh_worker,
    nothing_was_paid_twice_and_nothing_is_hidden,
    states,
    time_passes,
    told_to_end,
    until,
    wishes,
    working,
)
from tests.faults.table import tally

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
AT_EVERY_MOMENT = "Worker: killed at every moment of a step"
ENDS = "Worker: told to end while it sends"
PAIR = "Worker: two at work, one of them frozen for a while"


def died_at(place, step) -> list[str]:
    """Let workers die at every moment of a step. Returns the moments."""
    with beside(place, "tests.faults.dying", "steps", step) as driver:
        told = driver.communicate(timeout=240)[0].splitlines()
    assert told[-1] == "came through"
    return [line.removeprefix("died ") for line in told[:-1]]


@pytest.mark.parametrize("pictures", [0, 1], ids=["from text", "with a picture"])
def test_whenever_the_sender_dies_there_is_at_most_one_post(place, far, ada, pictures):
    wishes(ada, 60, AssetFactory.create_batch(pictures, owner=ada))
    with tally(AT_EVERY_MOMENT) as counted:
        moments = died_at(place, "send")
        counted.cases = len(moments)
        they_died_and_paid_once(far, moments, pictures)


def they_died_and_paid_once(far, moments, pictures) -> None:
    assert {"before POST", "after POST", "before commit", "after commit"} <= set(moments)
    assert ("after upload" in moments) is bool(pictures)
    assert len(far.create.requests) > 0
    nothing_was_paid_twice_and_nothing_is_hidden(far)

    # Only those that died around the POST can be in doubt; all others can still be sent.
    first = next(n for n, moment in enumerate(moments) if moment == "before POST")
    doubtful = 1 + len(moments) - first
    assert states()["sending"] <= doubtful

    worker = fresh_worker(far)
    for _ in range(6):
        worker.everything()
        worker.clock.forward(hours=4)
    assert states()["queued"] == states()["sending"] == 0
    assert states()["unknown"] <= doubtful
    nothing_was_paid_twice_and_nothing_is_hidden(far)


@tally(ENDS, cases=1)
def test_told_to_end_with_a_post_in_flight_it_waits_for_the_answer(place, far, ada):
    far.create.always(lambda _: drip(task(), pause=0.003))
    (wish,) = wishes(ada, 1)
    with working(place) as (worker,):
        until(lambda: far.create.requests, "a POST in flight")
        assert told_to_end(worker) == [0]
    wish.refresh_from_db()
    assert (wish.state, wish.task_id) == ("running", far.accepted[0].task_id)
    nothing_was_paid_twice_and_nothing_is_hidden(far)


@tally(ENDS, cases=1)
def test_told_to_end_it_takes_nothing_new(place, far, ada):
    far.create.always(lambda _: drip(task(), pause=0.003))
    wishes(ada, 30)
    with working(place) as (worker,):
        until(lambda: far.create.requests, "a POST in flight")
        assert told_to_end(worker) == [0]
    assert states()["sending"] == states()["unknown"] == 0
    assert states()["running"] == far.paid
    assert states()["queued"] == 30 - far.paid > 0


@tally(PAIR, cases=1)
def test_two_workers_and_one_of_them_was_frozen_pay_nothing_twice(place, far, ada):
    """The frozen one comes back after its leases ran out, with its answers still in the line."""
    far.create.always(lambda _: drip(task(), pause=0.002))
    wishes(ada, 40)
    with working(place) as (frozen,):
        until(lambda: len(far.create.requests) >= 4, "POSTs in flight")
        freeze(frozen)
        in_doubt = states()["sending"]
        assert in_doubt > 0
        time_passes(minutes=10)
        far.create.always(lambda _: task())
        with working(place) as (other,):
            until(lambda: not states()["queued"] and not states()["sending"], "all are sent")
            assert states()["unknown"] == in_doubt
            nothing_was_paid_twice_and_nothing_is_hidden(far)

            frozen.send_signal(signal.SIGCONT)
            until(lambda: states() == {"running": 40}, "the frozen one brought its answers")
            assert told_to_end(frozen, other) == [0, 0]
    assert far.paid == 40
    nothing_was_paid_twice_and_nothing_is_hidden(far)


@tally(PAIR, cases=1)
def test_two_workers_share_the_work_and_nothing_is_sent_twice(place, far, ada):
    wishes(ada, 40)
    with working(place, 2) as workers:
        until(lambda: states() == {"running": 40}, "all are sent")
        assert told_to_end(*workers) == [0, 0]
    assert far.paid == 40
    nothing_was_paid_twice_and_nothing_is_hidden(far)
