"""A worker is killed at every moment of sending: nothing is paid twice, nothing is hidden."""

import signal

import pytest

from tests.factories import AssetFactory
from tests.faults.conftest import (
    TIMEOUT_SECONDS,
    assert_nothing_paid_twice_or_hidden,
    count_states,
    create_generations,
    create_later_worker,
    freeze_worker,
    make_due_earlier,
    run_workers,
    start_script,
    stop_workers,
    wait_until,
)
from tests.faults.report import count_cases
from tests.provider_replies import drip_reply, make_task_reply

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
KILLED_AREA = "Worker: killed at every moment of a step"
STOPPED_AREA = "Worker: told to end while it sends"
FROZEN_AREA = "Worker: two at work, one of them frozen for a while"


def kill_at_each_moment(instance, stage) -> list[str]:
    """Let workers die at every moment of a step. Returns the moments."""
    with start_script(instance, "tests.faults.self_killing_worker", "steps", stage) as script:
        lines = script.communicate(timeout=4 * TIMEOUT_SECONDS)[0].splitlines()
    assert lines[-1] == "came through"
    return [line.removeprefix("died ") for line in lines[:-1]]


@pytest.mark.parametrize("pictures", [0, 1], ids=["from text", "with a picture"])
def test_whenever_the_dispatching_worker_dies_there_is_at_most_one_post(
    instance, fake_provider, ada, pictures
):
    create_generations(ada, 60, AssetFactory.create_batch(pictures, owner=ada))
    with count_cases(KILLED_AREA) as case_counter:
        moments = kill_at_each_moment(instance, "send")
        case_counter.cases = len(moments)
        assert_died_and_paid_once(fake_provider, moments, pictures)


def assert_died_and_paid_once(fake_provider, moments, pictures) -> None:
    assert {"before POST", "after POST", "before commit", "after commit"} <= set(moments)
    assert ("after upload" in moments) is bool(pictures)
    assert len(fake_provider.create.requests) > 0
    assert_nothing_paid_twice_or_hidden(fake_provider)

    # Only those that died around the POST can be in doubt; all others can still be sent.
    first = next(n for n, moment in enumerate(moments) if moment == "before POST")
    doubtful_count = 1 + len(moments) - first
    assert count_states()["sending"] <= doubtful_count

    worker = create_later_worker(fake_provider)
    for _ in range(6):
        worker.run_all_stages()
        worker.clock.advance(hours=4)
    assert count_states()["queued"] == count_states()["sending"] == 0
    assert count_states()["unknown"] <= doubtful_count
    assert_nothing_paid_twice_or_hidden(fake_provider)


@count_cases(STOPPED_AREA, cases=1)
def test_told_to_end_with_a_post_in_flight_it_waits_for_the_answer(instance, fake_provider, ada):
    fake_provider.create.reply_always(
        lambda _: drip_reply(make_task_reply(), byte_pause_seconds=0.003)
    )
    (generation,) = create_generations(ada, 1)
    with run_workers(instance) as (worker,):
        wait_until(lambda: fake_provider.create.requests, "a POST in flight")
        assert stop_workers(worker) == [0]
    generation.refresh_from_db()
    assert (generation.state, generation.task_id) == (
        "running",
        fake_provider.accepted_posts[0].task_id,
    )
    assert_nothing_paid_twice_or_hidden(fake_provider)


@count_cases(STOPPED_AREA, cases=1)
def test_told_to_end_it_takes_nothing_new(instance, fake_provider, ada):
    fake_provider.create.reply_always(
        lambda _: drip_reply(make_task_reply(), byte_pause_seconds=0.003)
    )
    create_generations(ada, 30)
    with run_workers(instance) as (worker,):
        wait_until(lambda: fake_provider.create.requests, "a POST in flight")
        assert stop_workers(worker) == [0]
    assert count_states()["sending"] == count_states()["unknown"] == 0
    assert count_states()["running"] == fake_provider.paid_count
    assert count_states()["queued"] == 30 - fake_provider.paid_count > 0


@count_cases(FROZEN_AREA, cases=1)
def test_two_workers_and_one_of_them_was_frozen_pay_nothing_twice(instance, fake_provider, ada):
    """The frozen one comes back after its leases ran out, with its answers still unread."""
    fake_provider.create.reply_always(
        lambda _: drip_reply(make_task_reply(), byte_pause_seconds=0.002)
    )
    create_generations(ada, 40)
    with run_workers(instance) as (frozen_worker,):
        wait_until(lambda: len(fake_provider.create.requests) >= 4, "POSTs in flight")
        freeze_worker(frozen_worker)
        sending_count = count_states()["sending"]
        assert sending_count > 0
        make_due_earlier(minutes=10)
        fake_provider.create.reply_always(lambda _: make_task_reply())
        with run_workers(instance) as (other_worker,):
            wait_until(
                lambda: not count_states()["queued"] and not count_states()["sending"],
                "all are sent",
            )
            assert count_states()["unknown"] == sending_count
            assert_nothing_paid_twice_or_hidden(fake_provider)

            frozen_worker.send_signal(signal.SIGCONT)
            wait_until(
                lambda: count_states() == {"running": 40}, "the frozen one brought its answers"
            )
            assert stop_workers(frozen_worker, other_worker) == [0, 0]
    assert fake_provider.paid_count == 40
    assert_nothing_paid_twice_or_hidden(fake_provider)


@count_cases(FROZEN_AREA, cases=1)
def test_two_workers_share_the_work_and_nothing_is_sent_twice(instance, fake_provider, ada):
    create_generations(ada, 40)
    with run_workers(instance, 2) as workers:
        wait_until(lambda: count_states() == {"running": 40}, "all are sent")
        assert stop_workers(*workers) == [0, 0]
    assert fake_provider.paid_count == 40
    assert_nothing_paid_twice_or_hidden(fake_provider)
