"""Every scenario, as a client sees it. Those about broken connections are in test_server.py."""

import json

import pytest

from evolink_studio.sandbox.scenarios import SCENARIOS, Behaviour, behaviour_of
from tests.sandbox.sandboxes import GROK


@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        ("policy", "content_policy_violation"),
        ("service", "service_error"),
        ("timeout", "generation_timeout"),
        ("strange", "UPSTREAM_E1042"),
        ("kept", "service_error"),
    ],
)
def test_a_scenario_can_fail_at_the_end(sandbox, scenario, code):
    task_id = sandbox.create_task(f"a cat [{scenario}]")
    sandbox.advance(5)
    assert sandbox.get_task(task_id)["status"] == "processing"
    sandbox.advance(15)
    task = sandbox.get_task(task_id)
    assert (task["status"], task["progress"]) == ("failed", 0)
    assert task["error"]["code"] == code
    assert task["error"]["type"] == "task_error"
    assert task["error"]["message"]
    assert "results" not in task
    assert sandbox.renderer.storyboards == []


def test_cancelled_is_a_status_of_its_own(sandbox):
    task = sandbox.create_finished("[cancelled]")
    assert task["status"] == "cancelled"
    assert task["error"]["code"] == "request_cancelled"


@pytest.mark.parametrize(
    ("scenario", "status", "code"),
    [
        ("refuse", 400, "content_policy_violation"),
        ("broke", 402, "insufficient_quota"),
        ("unavailable", 503, "service_unavailable"),
    ],
)
def test_a_scenario_can_be_refused_at_once(sandbox, scenario, status, code):
    answer = sandbox.post_generation({"model": GROK, "prompt": f"[{scenario}]"})
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert sandbox.http.get("/v1/tasks").json()["total"] == 0
    assert sandbox.get_remaining_credits() == 1000


def test_quick_is_done_after_a_second(sandbox):
    task_id = sandbox.create_task("[quick]")
    sandbox.advance(1)
    assert sandbox.get_task(task_id)["status"] == "completed"


def test_slow_takes_a_minute_and_a_half(sandbox):
    task_id = sandbox.create_task("[slow]")
    sandbox.advance(45)
    assert 40 <= sandbox.get_task(task_id)["progress"] <= 50
    sandbox.advance(44)
    assert sandbox.get_task(task_id)["status"] == "processing"
    sandbox.advance(1)
    assert sandbox.get_task(task_id)["status"] == "completed"


def test_stall_stands_at_95_for_five_minutes(sandbox):
    task_id = sandbox.create_task("[stall]")
    sandbox.advance(20)
    assert sandbox.get_task(task_id)["progress"] == 95
    sandbox.advance(279)
    assert (sandbox.get_task(task_id)["status"], sandbox.get_task(task_id)["progress"]) == (
        "processing",
        95,
    )
    sandbox.advance(1)
    assert sandbox.get_task(task_id)["status"] == "completed"


def test_backwards_shows_less_progress_later(sandbox):
    task_id = sandbox.create_task("[backwards]")
    sandbox.advance(4)
    before = sandbox.get_task(task_id)["progress"]
    sandbox.advance(1)
    assert sandbox.get_task(task_id)["progress"] < before


def test_odd_shows_what_nobody_documented_and_then_finishes(sandbox):
    task_id = sandbox.create_task("[odd]")
    sandbox.advance(3)
    task = sandbox.get_task(task_id)
    assert task["status"] == "moderating"
    assert task["progress"] is None
    assert "moderation" in task
    sandbox.advance(10)
    assert sandbox.get_task(task_id)["status"] == "completed"


def test_outage_makes_reads_fail_for_a_while(sandbox):
    task_id = sandbox.create_task("[outage]")
    sandbox.advance(14)
    answer = sandbox.http.get(f"/v1/tasks/{task_id}")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "service_unavailable"
    sandbox.advance(1)
    assert sandbox.get_task(task_id)["status"] == "completed"


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "generation-0000000001"}])
def test_busy_refuses_two_tries_and_takes_the_third(sandbox, headers):
    body = {"model": GROK, "prompt": "[busy] a cat"}
    for _ in range(2):
        answer = sandbox.post_generation(body, **headers)
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "5"
        assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    assert sandbox.post_generation(body, **headers).status_code == 200


def test_crash_accepts_the_task_and_answers_500(sandbox):
    answer = sandbox.post_generation({"model": GROK, "prompt": "[crash]"})
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    (task,) = sandbox.http.get("/v1/tasks").json()["data"]
    assert task["status"] == "pending"
    assert sandbox.get_remaining_credits() < 1000


@pytest.mark.parametrize(("scenario", "status"), [("proxy", 403), ("unclear", 409)])
def test_an_answer_may_leave_open_what_became_of_an_accepted_task(sandbox, scenario, status):
    answer = sandbox.post_generation({"model": GROK, "prompt": f"[{scenario}]"})
    assert answer.status_code == status
    assert sandbox.http.get("/v1/tasks").json()["total"] == 1
    assert sandbox.get_remaining_credits() < 1000


def test_garbled_accepts_the_task_and_answers_half_a_json_text(sandbox):
    answer = sandbox.post_generation({"model": GROK, "prompt": "[garbled]"})
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert sandbox.http.get("/v1/tasks").json()["total"] == 1


def test_deadlink_is_dead_for_twenty_seconds(sandbox):
    task = sandbox.create_finished("[deadlink]")
    assert sandbox.http.get(task["results"][0]).status_code == 404
    sandbox.advance(20)
    assert sandbox.http.get(task["results"][0]).status_code == 200


def test_two_links_lead_to_the_same_film(sandbox):
    first, second = sandbox.create_finished("[two-links]")["results"]
    assert first != second
    assert sandbox.http.get(first).content == sandbox.http.get(second).content


def test_no_links_ends_without_a_link(sandbox):
    task = sandbox.create_finished("[no-links]")
    assert (task["status"], task["results"]) == ("completed", [])


def test_many_links_gives_five_hundred(sandbox):
    assert len(set(sandbox.create_finished("[many-links]")["results"])) == 500


def test_succeeded_ends_in_other_words_and_another_shape(sandbox):
    task = sandbox.create_finished("[succeeded]")
    assert task["status"] == "SUCCEEDED"
    assert "results" not in task
    assert sandbox.http.get(task["result_data"][0]["url"]).status_code == 200


def test_expired_is_a_word_of_its_own(sandbox):
    task = sandbox.create_finished("[expired]")
    assert (task["status"], task["error"]["code"]) == ("EXPIRED", "task_expired")


def test_muddle_shows_an_error_until_it_finishes(sandbox):
    task_id = sandbox.create_task("[muddle]")
    sandbox.advance(30)
    task = sandbox.get_task(task_id)
    assert (task["status"], task["error"]["code"]) == ("stuck_upstream", "E_LIMBO")
    sandbox.advance(40)
    assert sandbox.get_task(task_id)["status"] == "completed"


def test_one_bad_link_stands_beside_a_good_one(sandbox):
    first, second = sandbox.create_finished("[one-bad]")["results"]
    assert sandbox.http.get(first).headers["content-type"] == "video/mp4"
    assert sandbox.http.get(second).headers["content-type"].startswith("text/html")


def test_redirect_leads_on_to_the_film(sandbox):
    (url,) = sandbox.create_finished("[redirect]")["results"]
    answer = sandbox.http.get(url, follow_redirects=False)
    assert answer.status_code == 302
    assert sandbox.http.get(answer.headers["location"]).headers["content-type"] == "video/mp4"


def test_notafilm_gives_a_web_page(sandbox):
    task = sandbox.create_finished("[notafilm]")
    answer = sandbox.http.get(task["results"][0])
    assert answer.headers["content-type"].startswith("text/html")


def test_bench_makes_one_film_for_all(sandbox):
    for number in range(10):
        sandbox.create_task(f"[bench] {number}")
    sandbox.advance(20)
    assert sandbox.http.get("/v1/tasks?status=completed").json()["total"] == 10
    assert len(sandbox.renderer.storyboards) == 1


def test_scenarios_can_be_joined():
    plot = behaviour_of("[quick] a cat [policy]")
    assert plot.work_seconds == 1
    assert plot.failure is not None


def test_a_scenario_in_a_shot_counts(sandbox):
    shot = {"index": 1, "prompt": "[refuse]", "duration": "5"}
    extensions = {"multi_shot": True, "shot_type": "customize", "multi_prompt": [shot]}
    picture = "https://pictures.example/cat.png"
    body = {"model": "kling-o3-image-to-video", "image_start": picture}
    assert sandbox.post_generation({**body, "model_params": extensions}).status_code == 400


@pytest.mark.parametrize("words", ["policy", "[unknown]", "[POLICY]", "[ policy ]", ""])
def test_other_words_change_nothing(words):
    assert behaviour_of(words) == Behaviour()


def test_every_scenario_changes_something_and_says_what():
    assert len({scenario.tag for scenario in SCENARIOS}) == len(SCENARIOS)
    for scenario in SCENARIOS:
        assert scenario.description
        assert behaviour_of(f"[{scenario.tag}]") != Behaviour()
