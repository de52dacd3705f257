"""Every story, as a client sees it. Those about broken connections are in test_server.py."""

import json

import pytest

from evolink_studio.sandbox.scenarios import STORIES, Plot, plot_of
from tests.sandbox.world import GROK


@pytest.mark.parametrize(
    ("story", "code"),
    [
        ("policy", "content_policy_violation"),
        ("service", "service_error"),
        ("timeout", "generation_timeout"),
        ("strange", "UPSTREAM_E1042"),
        ("kept", "service_error"),
    ],
)
def test_a_story_can_fail_at_the_end(world, story, code):
    task_id = world.create(f"a cat [{story}]")
    world.later(5)
    assert world.read(task_id)["status"] == "processing"
    world.later(15)
    task = world.read(task_id)
    assert (task["status"], task["progress"]) == ("failed", 0)
    assert task["error"]["code"] == code
    assert task["error"]["type"] == "task_error"
    assert task["error"]["message"]
    assert "results" not in task
    assert world.studio.boards == []


def test_cancelled_is_a_status_of_its_own(world):
    task = world.finished("[cancelled]")
    assert task["status"] == "cancelled"
    assert task["error"]["code"] == "request_cancelled"


@pytest.mark.parametrize(
    ("story", "status", "code"),
    [
        ("refuse", 400, "content_policy_violation"),
        ("broke", 402, "insufficient_quota"),
        ("unavailable", 503, "service_unavailable"),
    ],
)
def test_a_story_can_be_refused_at_once(world, story, status, code):
    answer = world.post({"model": GROK, "prompt": f"[{story}]"})
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert world.http.get("/v1/tasks").json()["total"] == 0
    assert world.remaining() == 1000


def test_quick_is_done_after_a_second(world):
    task_id = world.create("[quick]")
    world.later(1)
    assert world.read(task_id)["status"] == "completed"


def test_slow_takes_a_minute_and_a_half(world):
    task_id = world.create("[slow]")
    world.later(45)
    assert 40 <= world.read(task_id)["progress"] <= 50
    world.later(44)
    assert world.read(task_id)["status"] == "processing"
    world.later(1)
    assert world.read(task_id)["status"] == "completed"


def test_stall_stands_at_95_for_five_minutes(world):
    task_id = world.create("[stall]")
    world.later(20)
    assert world.read(task_id)["progress"] == 95
    world.later(279)
    assert (world.read(task_id)["status"], world.read(task_id)["progress"]) == ("processing", 95)
    world.later(1)
    assert world.read(task_id)["status"] == "completed"


def test_backwards_shows_less_progress_later(world):
    task_id = world.create("[backwards]")
    world.later(4)
    before = world.read(task_id)["progress"]
    world.later(1)
    assert world.read(task_id)["progress"] < before


def test_odd_shows_what_nobody_documented_and_then_finishes(world):
    task_id = world.create("[odd]")
    world.later(3)
    task = world.read(task_id)
    assert task["status"] == "moderating"
    assert task["progress"] is None
    assert "moderation" in task
    world.later(10)
    assert world.read(task_id)["status"] == "completed"


def test_outage_makes_reads_fail_for_a_while(world):
    task_id = world.create("[outage]")
    world.later(14)
    answer = world.http.get(f"/v1/tasks/{task_id}")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "service_unavailable"
    world.later(1)
    assert world.read(task_id)["status"] == "completed"


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "generation-0000000001"}])
def test_busy_refuses_two_tries_and_takes_the_third(world, headers):
    body = {"model": GROK, "prompt": "[busy] a cat"}
    for _ in range(2):
        answer = world.post(body, **headers)
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "5"
        assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    assert world.post(body, **headers).status_code == 200


def test_crash_accepts_the_task_and_answers_500(world):
    answer = world.post({"model": GROK, "prompt": "[crash]"})
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    (task,) = world.http.get("/v1/tasks").json()["data"]
    assert task["status"] == "pending"
    assert world.remaining() < 1000


def test_garbled_accepts_the_task_and_answers_half_a_json_text(world):
    answer = world.post({"model": GROK, "prompt": "[garbled]"})
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert world.http.get("/v1/tasks").json()["total"] == 1


def test_deadlink_is_dead_for_twenty_seconds(world):
    task = world.finished("[deadlink]")
    assert world.http.get(task["results"][0]).status_code == 404
    world.later(20)
    assert world.http.get(task["results"][0]).status_code == 200


def test_two_links_lead_to_the_same_film(world):
    first, second = world.finished("[two-links]")["results"]
    assert first != second
    assert world.http.get(first).content == world.http.get(second).content


def test_notafilm_gives_a_web_page(world):
    task = world.finished("[notafilm]")
    answer = world.http.get(task["results"][0])
    assert answer.headers["content-type"].startswith("text/html")


def test_bench_makes_one_film_for_all(world):
    for number in range(10):
        world.create(f"[bench] {number}")
    world.later(20)
    assert world.http.get("/v1/tasks?status=completed").json()["total"] == 10
    assert len(world.studio.boards) == 1


def test_stories_can_be_joined():
    plot = plot_of("[quick] a cat [policy]")
    assert plot.seconds == 1
    assert plot.failure is not None


def test_a_story_in_a_shot_counts(world):
    shot = {"index": 1, "prompt": "[refuse]", "duration": "5"}
    extensions = {"multi_shot": True, "shot_type": "customize", "multi_prompt": [shot]}
    picture = "https://pictures.example/cat.png"
    body = {"model": "kling-o3-image-to-video", "image_start": picture}
    assert world.post({**body, "model_params": extensions}).status_code == 400


@pytest.mark.parametrize("words", ["policy", "[unknown]", "[POLICY]", "[ policy ]", ""])
def test_other_words_change_nothing(words):
    assert plot_of(words) == Plot()


def test_every_story_changes_something_and_says_what():
    assert len({story.word for story in STORIES}) == len(STORIES)
    for story in STORIES:
        assert story.tells
        assert plot_of(f"[{story.word}]") != Plot()
