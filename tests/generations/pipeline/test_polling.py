"""Following: what an answer changes, and when the next one is asked for."""

from datetime import timedelta
from decimal import Decimal

import pytest

from evolink_studio.generations.incidents import claim_new_alerts, list_open_incidents
from evolink_studio.generations.models import ChangeFeed, Generation
from evolink_studio.generations.presenters.cards import present_card
from tests.factories import NOW, GenerationFactory
from tests.generations.conftest import seconds_until_due, update_task
from tests.provider_replies import make_dropped_reply, make_error_reply, make_reply

pytestmark = pytest.mark.django_db


def test_progress_is_shown_and_never_goes_backwards(fake_provider, worker, running_generation):
    progress_values = []
    for progress in (10, 40, 35, None, -5, 0, 60, 250, 99, 100, "many"):
        update_task(fake_provider, running_generation, status="processing", progress=progress)
        progress_values.append(worker.poll_when_due(running_generation).progress)
    assert progress_values == [10, 40, 40, 40, 40, 40, 60, 99, 99, 99, 99]
    assert running_generation.state == "running"


def test_only_what_can_be_seen_is_news_for_the_page(fake_provider, worker, running_generation):
    version = ChangeFeed.objects.get().version
    update_task(fake_provider, running_generation, status="processing", progress=10)
    worker.poll_when_due(running_generation)
    assert ChangeFeed.objects.get().version == version + 1
    for _ in range(5):
        worker.poll_when_due(running_generation)
    assert ChangeFeed.objects.get().version == version + 1


@pytest.mark.parametrize("status", ["queued_upstream", "", None, 7, "x" * 500, "painting"])
def test_a_status_that_nobody_knows_keeps_running(
    fake_provider, worker, running_generation, status
):
    update_task(fake_provider, running_generation, status=status, progress=20)
    current = worker.poll_when_due(running_generation)
    assert (current.state, current.progress) == ("running", 20)


def test_a_status_may_go_backwards_without_harm(fake_provider, worker, running_generation):
    for status, progress in (("processing", 30), ("pending", 0), ("processing", 10)):
        update_task(fake_provider, running_generation, status=status, progress=progress)
        current = worker.poll_when_due(running_generation)
        assert (current.state, current.progress) == ("running", 30)


@pytest.mark.parametrize("status", ["succeeded", "SUCCESS", " Completed ", "done", "finished"])
@pytest.mark.parametrize(
    "shape",
    [
        lambda url: {"results": [url]},
        lambda url: {"results": [{"url": url}], "progress": 40},
        lambda url: {"results": [], "result_data": {"videos": [{"url": f" {url} "}]}},
    ],
    ids=["links", "objects", "result_data alone"],
)
def test_another_word_for_the_end_and_another_shape_of_the_film_are_understood(
    fake_provider, worker, running_generation, status, shape
):
    url = f"{fake_provider.url}/film.mp4"
    update_task(fake_provider, running_generation, status=status, **shape(url))
    current = worker.poll_when_due(running_generation)
    assert (current.state, current.result_urls) == ("saving", [url])
    assert (current.charge, current.credits_charged) == ("charged", Decimal("25.7"))


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *(("FAILED", "task_failed"), ("failure", "task_failed"), ("error", "task_failed")),
        *(
            ("errored", "task_failed"),
            ("canceled", "task_cancelled"),
            ("ABORTED", "task_cancelled"),
        ),
        *(("expired", "task_expired"), ("Expired ", "task_expired"), ("timeout", "task_timeout")),
        *(("timed_out", "task_timeout"), ("rejected", "task_rejected")),
    ],
)
def test_another_word_for_a_failure_ends_it_and_keeps_the_care_about_its_charge(
    fake_provider, worker, running_generation, status, code
):
    update_task(fake_provider, running_generation, status=status)
    current = worker.poll_when_due(running_generation)
    assert (current.state, current.error_code, current.charge) == ("failed", code, "returned")

    unclear = GenerationFactory(next_attempt_at=worker.clock())
    worker.dispatch_due()
    unclear.refresh_from_db()
    update_task(fake_provider, unclear, status=status, billing={"refund_status": "pending"})
    current = worker.poll_when_due(unclear)
    assert (current.state, current.charge, current.credits_charged) == ("failed", "unclear", None)


NO_FILMS = [[], None, ["javascript:alert(1)"], [7], "nothing", {"element_id": "1"}]


def list_incident_names(worker) -> list[str]:
    return [incident.type.name for incident in list_open_incidents(now=worker.clock(), limit=9)]


def test_completed_without_a_film_is_told_and_the_film_is_taken_when_it_comes(
    fake_provider, worker, running_generation
):
    for results in NO_FILMS:
        update_task(
            fake_provider, running_generation, status="completed", progress=100, results=results
        )
        current = worker.poll_when_due(running_generation)
        assert (current.state, current.progress) == ("running", 99)
        assert (current.error_code, current.charge) == ("no_result", "reserved")
        card = present_card(current, now=worker.clock())
        assert card.message == "EvoLink says that it is finished, but gave no film."
        assert list_incident_names(worker) == ["no_result"]
    worker.clock.advance(minutes=14)
    assert [it.type.name for it in claim_new_alerts(now=worker.clock())] == ["no_result"]
    assert claim_new_alerts(now=worker.clock()) == []

    fake_provider.complete_task(running_generation.task_id, f"{fake_provider.url}/film.mp4")
    current = worker.poll_when_due(running_generation)
    assert (current.state, current.error_code) == ("saving", "")
    assert list_incident_names(worker) == []


@pytest.mark.parametrize(
    ("usage", "charge", "charged_amount"),
    [
        ({"credits_reserved": 25.7}, "charged", "25.7"),
        ({"credits_reserved": 25.7, "credits_used": 12}, "charged", "12"),
        ({"credits_reserved": 25.7, "credits_used": 0}, "returned", "0"),
    ],
    ids=str,
)
def test_a_film_that_never_comes_is_booked_as_evolink_says(
    fake_provider, worker, running_generation, usage, charge, charged_amount
):
    update_task(fake_provider, running_generation, status="success", usage=usage)
    start = worker.poll_when_due(running_generation).progressed_at
    while worker.clock() <= start + timedelta(hours=26):
        worker.clock.advance(hours=1)
        assert worker.poll_when_due(running_generation).state in ("running", "failed")
    current = worker.poll_when_due(running_generation) if running_generation.is_live else None
    current = current or running_generation
    assert (current.state, current.error_code, current.charge) == ("failed", "no_result", charge)
    assert current.credits_charged == Decimal(charged_amount)
    assert current.finished_at > start + timedelta(hours=26)


@pytest.mark.parametrize("status", ["painting", "", None, 7])
def test_an_error_beside_a_word_that_nobody_knows_is_told(
    fake_provider, worker, running_generation, status
):
    error = {"code": "E17", "message": "The paint is dry."}
    for number in range(3):  # whatever else moves
        update_task(
            fake_provider,
            running_generation,
            **{"status": status and f"{status}{number}", "error": error, "progress": number * 10},
        )
        current = worker.poll_when_due(running_generation)
        assert (current.state, current.error_code, current.charge) == (
            *("running", "end_unclear"),
            "reserved",
        )
    card = present_card(current, now=worker.clock())
    assert card.message.startswith("EvoLink reports an error")
    assert ("EvoLink's own words", "The paint is dry.") in card.details
    assert [it.type.name for it in claim_new_alerts(now=worker.clock())] == ["end_unclear"]

    update_task(fake_provider, running_generation, status="failed")
    current = worker.poll_when_due(running_generation)
    assert (current.state, current.error_code, current.charge) == ("failed", "E17", "returned")


def test_a_known_word_outweighs_an_error_beside_it(fake_provider, worker, running_generation):
    error = {"code": "W1", "message": "A warning."}
    update_task(fake_provider, running_generation, status="in_progress", error=error)
    current = worker.poll_when_due(running_generation)
    assert (current.state, current.error_code) == ("running", "")
    assert list_incident_names(worker) == []


def test_a_long_word_that_stays_the_same_is_no_news(fake_provider, worker, running_generation):
    update_task(fake_provider, running_generation, status="y" * 500)
    first = worker.poll_when_due(running_generation).progressed_at
    worker.clock.advance(minutes=20)
    assert worker.poll_when_due(running_generation).progressed_at == first
    assert running_generation.stalled_since == first


def test_a_made_film_is_charged_as_reserved_unless_evolink_says_otherwise(
    fake_provider, worker, running_generation
):
    fake_provider.complete_task(
        running_generation.task_id, f"{fake_provider.url}/1.mp4", f"{fake_provider.url}/2.mp4"
    )
    current = worker.poll_when_due(running_generation)
    assert (current.state, current.progress) == ("saving", 100)
    assert (current.credits_charged, current.charge) == (Decimal("25.7"), "charged")
    assert current.result_urls == [f"{fake_provider.url}/1.mp4", f"{fake_provider.url}/2.mp4"]
    assert current.results_expire_at == worker.clock() + timedelta(hours=24)


@pytest.mark.parametrize(
    ("fields", "charged_amount"),
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
def test_what_was_finally_taken_is_what_evolink_says(
    fake_provider, worker, running_generation, fields, charged_amount
):
    fake_provider.complete_task(running_generation.task_id, f"{fake_provider.url}/film.mp4")
    update_task(fake_provider, running_generation, **fields)
    assert worker.poll_when_due(running_generation).credits_charged == Decimal(charged_amount)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_failed_task_is_free_and_keeps_its_reason(
    fake_provider, worker, running_generation, status
):
    fake_provider.fail_task(running_generation.task_id, "content_policy_violation", "Not this.")
    update_task(fake_provider, running_generation, status=status)
    current = worker.poll_when_due(running_generation)
    assert (current.state, current.error_code) == ("failed", "content_policy_violation")
    assert current.error_text == "Not this."
    assert (current.credits_charged, current.charge, current.credits_reserved) == (
        0,
        "returned",
        Decimal("25.7"),
    )


@pytest.mark.parametrize(
    "billing",
    [
        {"refund_status": "pending"},
        {"charge_status": "charged"},
        {"refund_status": "?"},
        {"charge_status": "unknown"},
        {"refund_status": "completed"},
        {"charge_status": "released", "refund_status": "failed"},
        {
            "charge_status": "released",
            "refund_status": "completed",
            "reserved_credits": 25.7,
            "refunded_credits": 5,
        },
    ],
)
def test_a_failed_task_with_a_hint_of_a_charge_and_no_amount_is_unclear(
    fake_provider, worker, running_generation, billing
):
    update_task(fake_provider, running_generation, status="failed", billing=billing)
    current = worker.poll_when_due(running_generation)
    assert (current.state, current.credits_charged, current.charge) == ("failed", None, "unclear")
    assert current.last_status == "failed"


@pytest.mark.parametrize(
    "billing",
    [
        {"refund_status": "refunded", "charge_status": "none"},
        {"refund_status": "pending", "charged_credits": 0},
        {"charge_status": "released", "refund_status": "not_required"},
        {
            "charge_status": "released",
            "refund_status": "completed",
            "reserved_credits": 25.7,
            "refunded_credits": 25.7,
        },
        None,
    ],
)
def test_a_failed_task_whose_credits_are_back_is_free(
    fake_provider, worker, running_generation, billing
):
    update_task(fake_provider, running_generation, status="failed", billing=billing)
    current = worker.poll_when_due(running_generation)
    assert (current.state, current.credits_charged, current.charge) == ("failed", 0, "returned")


def test_a_failed_task_that_was_charged_all_the_same_says_so(
    fake_provider, worker, running_generation
):
    fake_provider.fail_task(running_generation.task_id, "service_error")
    update_task(
        fake_provider,
        running_generation,
        billing={"charged_credits": 25.7, "refunded_credits": 5.7},
    )
    current = worker.poll_when_due(running_generation)
    assert (current.state, current.credits_charged, current.charge) == ("failed", 20, "charged")


@pytest.mark.parametrize(
    ("error", "code"),
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
def test_a_failure_told_in_any_way_is_a_failure(
    fake_provider, worker, running_generation, error, code
):
    update_task(fake_provider, running_generation, status="failed", error=error)
    current = worker.poll_when_due(running_generation)
    assert (current.state, current.error_code) == ("failed", code)


def test_it_is_read_every_eight_seconds_and_slower_when_nothing_moves(
    fake_provider, worker, running_generation
):
    update_task(fake_provider, running_generation, status="processing", progress=10)
    worker.poll_when_due(running_generation)
    assert seconds_until_due(worker, running_generation) == 8
    worker.clock.advance(minutes=6)
    worker.poll_when_due(running_generation)
    assert seconds_until_due(worker, running_generation) == 20


@pytest.mark.parametrize(("expected", "first"), [(8, 5), (40, 10), (180, 15), (3000, 15)])
def test_the_first_poll_is_at_a_quarter_of_the_expected_time(
    fake_provider, worker, expected, first
):
    generation = GenerationFactory()
    fake_provider.create.reply_always(
        lambda _: make_reply({"id": "t", "task_info": {"estimated_time": expected}})
    )
    worker.dispatch_due()
    assert seconds_until_due(worker, generation) == first


def test_no_news_for_long_is_said_and_is_taken_back_when_news_comes(
    fake_provider, worker, running_generation
):
    update_task(fake_provider, running_generation, status="processing", progress=10)
    worker.poll_when_due(running_generation)
    last_news = worker.clock()
    worker.clock.advance(minutes=16)
    stalled = worker.poll_when_due(running_generation)
    assert (stalled.state, stalled.stalled_since) == ("running", last_news)
    assert seconds_until_due(worker, running_generation) == 120

    update_task(fake_provider, running_generation, progress=20)
    current = worker.poll_when_due(running_generation)
    assert (
        current.stalled_since,
        current.progress,
        seconds_until_due(worker, running_generation),
    ) == (
        None,
        20,
        8,
    )


def test_patience_is_three_times_the_expected_time_where_that_is_longer(
    fake_provider, worker, running_generation
):
    Generation.objects.update(expected_seconds=1200)
    update_task(fake_provider, running_generation, status="processing")
    worker.poll_when_due(running_generation)
    worker.clock.advance(minutes=50)
    assert worker.poll_when_due(running_generation).stalled_since is None
    worker.clock.advance(minutes=15)
    assert worker.poll_when_due(running_generation).stalled_since is not None


def test_no_answers_for_long_is_said_too(fake_provider, worker, running_generation):
    version = ChangeFeed.objects.get().version
    fake_provider.read.reply_always(make_error_reply(503, "service_unavailable"))
    worker.clock.advance(minutes=20)
    assert worker.poll_when_due(running_generation).stalled_since == NOW
    assert ChangeFeed.objects.get().version == version + 1
    worker.poll_when_due(running_generation)
    assert ChangeFeed.objects.get().version == version + 1


def test_a_film_after_a_day_of_silence_is_still_taken(fake_provider, worker, running_generation):
    fake_provider.read.reply_always(make_dropped_reply())
    for _ in range(10):
        worker.clock.advance(hours=2)
        worker.poll_when_due(running_generation)
    fake_provider.read.reply_always(fake_provider._reply_to_read)
    fake_provider.complete_task(running_generation.task_id, f"{fake_provider.url}/film.mp4")
    current = worker.poll_when_due(running_generation)
    assert (current.state, current.stalled_since) == ("saving", None)
