"""What a person reads before the end: the place in the queue, the time left, what goes on."""

from datetime import timedelta

import pytest

from evolink_studio.credits.models import Allowance
from evolink_studio.generations.models import find_unreadable_positions
from evolink_studio.generations.pipeline import schedule
from evolink_studio.generations.pipeline.queue import QueuePosition, get_queue_positions
from evolink_studio.generations.presenters.cards import present_card
from evolink_studio.generations.states import ENDED_STATES, LIVE_STATES, State
from tests.factories import NOW, VEO, GenerationFactory
from tests.form_pages import ParsedPage, element_text

pytestmark = pytest.mark.django_db


# --- waiting ----------------------------------------------------------------------------------


def test_waiting_says_how_many_go_before_and_how_many_run_at_once(ada_client, ada, settings):
    settings.ENV = settings.ENV.model_copy(update={"running_per_person": 3})
    first, second = GenerationFactory.create_batch(2, owner=ada)
    page = ParsedPage(ada_client.get(f"/create/{VEO}/?show={second.pk}"))
    sentence = (
        "The studio makes at most 3 of yours at a time: 1 goes first, then this one is sent by "
        "itself."
    )
    assert sentence in element_text(page.find_card(second.pk))
    assert "Waiting next" in element_text(page.find_card(first.pk))


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        (
            QueuePosition(0, 5),
            "The studio makes at most 5 of yours at a time: this one is next and is sent by "
            "itself.",
        ),
        (
            QueuePosition(2, 7, is_user_limit=False),
            "The studio makes at most 7 at a time, and people take turns: 2 go first, then this "
            "one is sent by itself.",
        ),
        (
            QueuePosition(0, 7, is_user_limit=False),
            "The studio makes at most 7 at a time, and people take turns: this one is next and "
            "is sent by itself.",
        ),
        (QueuePosition(0, 0), "This one is next and is sent by itself."),
        (QueuePosition(2, 0), "2 go first, then this one is sent by itself."),
    ],
)
def test_one_sentence_says_why_it_waits_and_what_comes_next(ada, limit, sentence):
    waiting = GenerationFactory(owner=ada)
    card = present_card(waiting, now=NOW, positions={waiting.pk: limit})
    assert (card.message, card.advice) == (sentence, "")


def test_an_allowance_that_lets_fewer_run_is_what_is_told(ada, settings):
    settings.ENV = settings.ENV.model_copy(update={"running_per_person": 3})
    waiting = GenerationFactory(owner=ada)
    assert get_queue_positions(ada.pk) == {waiting.pk: QueuePosition(0, 3)}
    Allowance.objects.create(user=ada, credits_limit=1000, max_concurrent=2)
    assert get_queue_positions(ada.pk) == {waiting.pk: QueuePosition(0, 2)}
    settings.ENV = settings.ENV.model_copy(update={"running_per_person": 0, "running_at_once": 9})
    Allowance.objects.update(max_concurrent=None)
    assert get_queue_positions(ada.pk) == {waiting.pk: QueuePosition(0, 9, is_user_limit=False)}


# --- running ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "sentence"),
    [(0, "about 3 minutes left"), (125, "about 60 seconds left"), (175, "about 10 seconds left")],
)
def test_running_says_about_how_long_it_will_take(ada, seconds, sentence):
    running = GenerationFactory(owner=ada, state=State.RUNNING)
    assert present_card(running, now=NOW + timedelta(seconds=seconds)).time_left.text == sentence


def test_what_takes_longer_than_usual_is_told_so(ada):
    running = GenerationFactory(owner=ada, state=State.RUNNING)
    assert (
        present_card(running, now=NOW + timedelta(minutes=4)).time_left.text
        == "this one takes longer"
    )


def test_without_a_usual_time_none_is_made_up(ada):
    running = GenerationFactory(owner=ada, state=State.RUNNING, expected_seconds=0, progress=7)
    card = present_card(running, now=NOW)
    assert (card.time_left, card.progress_text) == (None, "7 %")


def test_a_pause_is_told_before_it_counts_as_no_news(ada):
    running = GenerationFactory(owner=ada, state=State.RUNNING)
    assert present_card(running, now=NOW + timedelta(seconds=239)).time_without_progress.text == ""
    card = present_card(running, now=NOW + timedelta(minutes=6))
    assert (
        card.time_without_progress.text == "No change for 6 minutes; models often pause like this."
    )
    assert not card.is_stalled


def test_no_news_says_for_how_long_and_that_it_costs_no_more(ada):
    running = GenerationFactory(owner=ada, state=State.RUNNING, stalled_since=NOW)
    card = present_card(running, now=NOW + timedelta(minutes=20))
    assert card.is_stalled
    assert card.state_text == "No news"
    assert card.message == "No news from EvoLink for 20 minutes."
    assert "every 2 to 5 minutes" in card.advice
    assert "Nothing more will be charged" in card.advice


def test_how_often_we_poll_when_there_is_no_news_is_what_the_schedule_does(ada):
    stalled = GenerationFactory(owner=ada, state=State.RUNNING, stalled_since=NOW)
    normal_delay = schedule.compute_next_poll_delay(stalled, now=NOW, is_sandbox=False)
    longest_delay = schedule.compute_error_backoff(99)
    sentence = f"every {normal_delay.seconds // 60} to {longest_delay.seconds // 60} minutes"
    assert sentence in present_card(stalled, now=NOW).advice


# --- lost, saving, put away -------------------------------------------------------------------


def test_a_lost_answer_says_whether_it_is_still_searched_for(ada):
    searched_row = GenerationFactory(owner=ada, state=State.UNKNOWN, next_attempt_at=NOW)
    abandoned_row = GenerationFactory(owner=ada, state=State.UNKNOWN, next_attempt_at=None)
    assert "We are looking for it at EvoLink." in present_card(searched_row, now=NOW).advice
    assert "We no longer look for it" in present_card(abandoned_row, now=NOW).advice
    for generation in (searched_row, abandoned_row):
        assert "never send it again by ourselves" in present_card(generation, now=NOW).advice


@pytest.mark.parametrize(
    ("time_left", "badge", "advice"),
    [
        (timedelta(hours=5, minutes=1), "link, 5 h left", "EvoLink keeps it for 5 more hours."),
        (timedelta(hours=1), "link, 1 h left", "EvoLink keeps it for 1 more hour."),
        (timedelta(minutes=5), "link, under 1 h left", "EvoLink keeps it for less than an hour."),
        (-timedelta(minutes=5), "link ended", "we ask once more for a fresh link."),
    ],
)
def test_a_film_on_its_way_says_how_long_its_link_lives(ada, time_left, badge, advice):
    saving = GenerationFactory(owner=ada, state=State.SAVING, results_expire_at=NOW + time_left)
    card = present_card(saving, now=NOW)
    assert card.storage_badge == badge
    assert advice in card.advice


def test_a_film_that_is_ours_says_so(ada):
    assert (
        present_card(GenerationFactory(owner=ada, state=State.COMPLETED), now=NOW).storage_badge
        == "Saved here"
    )
    assert (
        present_card(GenerationFactory(owner=ada, state=State.RUNNING), now=NOW).storage_badge == ""
    )


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (State.QUEUED, "It is still sent when its turn comes"),
        (State.SENDING, "EvoLink may reserve credits for it"),
        (State.UNKNOWN, "it may be charged"),
        (State.RUNNING, "EvoLink goes on, and 25.7 credits stay reserved."),
        (State.SAVING, "It is made and charged"),
    ],
)
def test_what_is_dismissed_says_what_goes_on_and_what_it_costs(ada, state, sentence):
    left_alone = GenerationFactory(owner=ada, state=state, dismissed_at=NOW, stalled_since=NOW)
    card = present_card(left_alone, now=NOW)
    assert card.message.startswith("You stopped watching this.")
    assert sentence in card.message
    assert "it will be in your films" in card.advice
    assert (card.is_dismissed, card.is_ticking, card.can_dismiss) == (True, False, False)
    assert (card.time_left, card.time_without_progress) == (None, None)


@pytest.mark.parametrize("state", sorted(ENDED_STATES))
def test_what_was_dismissed_and_has_ended_is_like_any_other(ada, state):
    generation = GenerationFactory(owner=ada, state=state)
    before = present_card(generation, now=NOW)
    generation.dismissed_at = NOW
    assert present_card(generation, now=NOW) == before


def test_only_what_goes_on_without_us_can_be_dismissed(ada):
    for state in State:
        generation = GenerationFactory(owner=ada, state=state)
        is_continuing = state in LIVE_STATES and state != State.QUEUED
        assert present_card(generation, now=NOW).can_dismiss is is_continuing


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("unreachable", "cannot be reached"),
        ("rate_limit_exceeded", "asks us to wait"),
        ("internal", "wrong in this studio"),
    ],
)
def test_waiting_says_why_and_that_nothing_was_sent(ada, code, sentence):
    card = present_card(GenerationFactory(owner=ada, error_code=code), now=NOW)
    assert sentence in card.message
    assert "Nothing was sent yet" in card.message
    assert "by ourselves" in card.advice


@pytest.mark.parametrize(
    "code", ["disk_full", "not_a_film", "link_dead", "download_failed", "internal"]
)
def test_a_film_that_is_not_here_yet_says_why_and_how_long_there_is_hope(ada, code):
    saving = GenerationFactory(
        owner=ada,
        state=State.SAVING,
        error_code=code,
        results_expire_at=NOW + timedelta(hours=20),
    )
    card = present_card(saving, now=NOW)
    assert card.message.startswith("The film is made, but")
    assert "20 more hours" in card.advice


@pytest.mark.parametrize(
    "failed_results",
    [None, 1, "x", [], [1], {"x": {"final": True}}, {"9" * 5000: {"final": True}}, {"0": 1}],
)
def test_unreadable_results_that_make_no_sense_name_none(failed_results):
    assert find_unreadable_positions(failed_results) == set()
    assert find_unreadable_positions({"0": {"final": True}, "2": {}}) == {0}
