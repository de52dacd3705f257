"""Following: what an answer changes, and when the next one is asked for."""

from datetime import timedelta
from decimal import Decimal

import pytest

from evolink_studio.generations.models import ChangeFeed, Generation
from tests.answers import answer, error, hang_up
from tests.factories import NOW, GenerationFactory
from tests.generations.conftest import gap, says

pytestmark = pytest.mark.django_db


def test_progress_is_shown_and_never_goes_backwards(far, worker, running):
    shown = []
    for progress in (10, 40, 35, None, -5, 0, 60, 250, 99, 100, "many"):
        says(far, running, status="processing", progress=progress)
        shown.append(worker.look(running).progress)
    assert shown == [10, 40, 40, 40, 40, 40, 60, 99, 99, 99, 99]
    assert running.state == "running"


def test_only_what_can_be_seen_is_news_for_the_page(far, worker, running):
    version = ChangeFeed.objects.get().version
    says(far, running, status="processing", progress=10)
    worker.look(running)
    assert ChangeFeed.objects.get().version == version + 1
    for _ in range(5):
        worker.look(running)
    assert ChangeFeed.objects.get().version == version + 1


@pytest.mark.parametrize("status", ["queued_upstream", "", None, 7, "x" * 500, "COMPLETED"])
def test_a_status_that_nobody_knows_keeps_running(far, worker, running, status):
    says(far, running, status=status, progress=20)
    followed = worker.look(running)
    assert (followed.state, followed.progress) == ("running", 20)


def test_a_status_may_go_backwards_without_harm(far, worker, running):
    for status, progress in (("processing", 30), ("pending", 0), ("processing", 10)):
        says(far, running, status=status, progress=progress)
        followed = worker.look(running)
        assert (followed.state, followed.progress) == ("running", 30)


def test_completed_without_a_film_is_not_completed_yet(far, worker, running):
    for results in ([], None, ["javascript:alert(1)"], [7], "nothing"):
        says(far, running, status="completed", progress=100, results=results)
        followed = worker.look(running)
        assert (followed.state, followed.progress) == ("running", 99)
    far.finish(running.task_id, f"{far.url}/film.mp4")
    assert worker.look(running).state == "saving"


def test_a_made_film_is_charged_as_reserved_unless_evolink_says_otherwise(far, worker, running):
    far.finish(running.task_id, f"{far.url}/1.mp4", f"{far.url}/2.mp4")
    made = worker.look(running)
    assert (made.state, made.progress) == ("saving", 100)
    assert (made.credits_charged, made.charge) == (Decimal("25.7"), "charged")
    assert made.result_urls == [f"{far.url}/1.mp4", f"{far.url}/2.mp4"]
    assert made.results_expire_at == worker.clock() + timedelta(hours=24)


@pytest.mark.parametrize(
    ("said", "used"),
    [
        ({"usage": {"credits_reserved": 25.7, "credits_used": 12.3456}}, "12.3456"),
        ({"usage": {"credits_used": 30}}, "30"),
        ({"billing": {"charged_credits": 20, "refunded_credits": 5}}, "15"),
        ({"billing": {"charged_credits": 20}, "usage": {"credits_used": 9}}, "9"),
        ({"billing": {"charged_credits": 20, "refunded_credits": 5.7}}, "20"),
        ({"billing": {"charged_credits": 25.7, "refunded_credits": 5.7}}, "20"),
        ({"billing": {"charged_credits": 0, "refunded_credits": 25.7}}, "0"),
        (
            {"billing": {"reserved_credits": 8, "charged_credits": 4, "refunded_credits": 4}},
            "4",
        ),
        ({"usage": {"credits_used": 0}}, "0"),
        ({"usage": {"credits_used": 10**12}}, "25.7"),
        ({"usage": {"credits_used": "many"}}, "25.7"),
        ({"usage": None, "billing": None}, "25.7"),
    ],
    ids=str,
)
def test_what_was_finally_taken_is_what_evolink_says(far, worker, running, said, used):
    far.finish(running.task_id, f"{far.url}/film.mp4")
    says(far, running, **said)
    assert worker.look(running).credits_charged == Decimal(used)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_failed_task_is_free_and_keeps_its_reason(far, worker, running, status):
    far.fail(running.task_id, "content_policy_violation", "Not this.")
    says(far, running, status=status)
    failed = worker.look(running)
    assert (failed.state, failed.error_code) == ("failed", "content_policy_violation")
    assert failed.error_text == "Not this."
    assert (failed.credits_charged, failed.charge, failed.credits_reserved) == (
        0,
        "returned",
        Decimal("25.7"),
    )


@pytest.mark.parametrize(
    "billing", [{"refund_status": "pending"}, {"charge_status": "charged"}, {"refund_status": "?"}]
)
def test_a_failed_task_with_a_hint_of_a_charge_and_no_figure_is_unclear(
    far, worker, running, billing
):
    says(far, running, status="failed", billing=billing)
    failed = worker.look(running)
    assert (failed.state, failed.credits_charged, failed.charge) == ("failed", None, "unclear")
    assert failed.last_status == "failed"


@pytest.mark.parametrize(
    "billing",
    [
        {"refund_status": "refunded", "charge_status": "none"},
        {"refund_status": "pending", "charged_credits": 0},
        None,
    ],
)
def test_a_failed_task_whose_credits_are_back_is_free(far, worker, running, billing):
    says(far, running, status="failed", billing=billing)
    failed = worker.look(running)
    assert (failed.state, failed.credits_charged, failed.charge) == ("failed", 0, "returned")


def test_a_failed_task_that_was_charged_all_the_same_says_so(far, worker, running):
    far.fail(running.task_id, "service_error")
    says(far, running, billing={"charged_credits": 25.7, "refunded_credits": 5.7})
    failed = worker.look(running)
    assert (failed.state, failed.credits_charged, failed.charge) == ("failed", 20, "charged")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (None, "task_failed"),
        ("It broke.", ""),
        ({"code": 500, "message": "x"}, "500"),
        ({"code": "c" * 4000}, "c" * 100),
        ({}, "task_failed"),
        ([1], "task_failed"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_failure_told_in_any_way_is_a_failure(far, worker, running, said, code):
    says(far, running, status="failed", error=said)
    failed = worker.look(running)
    assert (failed.state, failed.error_code) == ("failed", code)


def test_it_is_read_every_eight_seconds_and_slower_when_nothing_moves(far, worker, running):
    says(far, running, status="processing", progress=10)
    worker.look(running)
    assert gap(worker, running) == 8
    worker.clock.forward(minutes=6)
    worker.look(running)
    assert gap(worker, running) == 20


@pytest.mark.parametrize(("expected", "first"), [(8, 5), (40, 10), (180, 15), (3000, 15)])
def test_the_first_look_is_at_a_quarter_of_the_expected_time(far, worker, expected, first):
    generation = GenerationFactory()
    far.create.always(lambda _: answer({"id": "t", "task_info": {"estimated_time": expected}}))
    worker.send()
    assert gap(worker, generation) == first


def test_no_news_for_long_is_said_and_is_taken_back_when_news_comes(far, worker, running):
    says(far, running, status="processing", progress=10)
    worker.look(running)
    last_news = worker.clock()
    worker.clock.forward(minutes=16)
    stalled = worker.look(running)
    assert (stalled.state, stalled.stalled_since) == ("running", last_news)
    assert gap(worker, running) == 120

    says(far, running, progress=20)
    moving = worker.look(running)
    assert (moving.stalled, moving.progress, gap(worker, running)) == (None, 20, 8)


def test_patience_is_three_times_the_expected_time_where_that_is_longer(far, worker, running):
    Generation.objects.update(expected_seconds=1200)
    says(far, running, status="processing")
    worker.look(running)
    worker.clock.forward(minutes=50)
    assert worker.look(running).stalled_since is None
    worker.clock.forward(minutes=15)
    assert worker.look(running).stalled_since is not None


def test_no_answers_for_long_is_said_too(far, worker, running):
    version = ChangeFeed.objects.get().version
    far.read.always(error(503, "service_unavailable"))
    worker.clock.forward(minutes=20)
    assert worker.look(running).stalled_since == NOW
    assert ChangeFeed.objects.get().version == version + 1
    worker.look(running)
    assert ChangeFeed.objects.get().version == version + 1


def test_a_film_after_a_day_of_silence_is_still_taken(far, worker, running):
    far.read.always(hang_up())
    for _ in range(10):
        worker.clock.forward(hours=2)
        worker.look(running)
    far.read.always(far._read)
    far.finish(running.task_id, f"{far.url}/film.mp4")
    made = worker.look(running)
    assert (made.state, made.stalled_since) == ("saving", None)
