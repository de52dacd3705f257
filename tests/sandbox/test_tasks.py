"""Tasks as they are read: states, progress, the list, and what is left after a restart."""

import pytest

from tests.sandbox.sandboxes import GROK, NOW_TIMESTAMP, VEO


def test_a_task_goes_from_pending_through_processing_to_completed(sandbox):
    task_id = sandbox.create_task()
    assert sandbox.get_task(task_id)["status"] == "pending"
    progress_values = [sandbox.get_task(task_id)["progress"]]
    for _ in range(4):
        sandbox.advance(2)
        task = sandbox.get_task(task_id)
        assert task["status"] == "processing"
        assert "results" not in task
        progress_values.append(task["progress"])
    assert progress_values == sorted(set(progress_values))
    assert progress_values[0] == 0
    assert progress_values[-1] < 100
    sandbox.advance(10)
    task = sandbox.get_task(task_id)
    assert (task["status"], task["progress"]) == ("completed", 100)


def test_a_completed_task_has_the_documented_shape(sandbox):
    task = sandbox.create_finished()
    assert task["object"] == "video.generation.task"
    assert task["model"] == GROK
    assert task["created"] == NOW_TIMESTAMP
    assert task["task_info"] == {"can_cancel": False}
    assert task["usage"]["credits_used"] == task["usage"]["credits_reserved"] == 8.16
    assert task["billing"] == {
        "charge_status": "charged",
        "refund_status": "none",
        "reserved_credits": 8.16,
        "charged_credits": 8.16,
        "refunded_credits": 0,
    }
    assert len(task["results"]) == 1
    assert "error" not in task


def test_progress_waits_for_a_film_that_is_not_ready(sandbox):
    task_id = sandbox.create_task()
    sandbox.clock.now += 500
    assert sandbox.get_task(task_id)["status"] == "processing"
    assert sandbox.get_task(task_id)["progress"] == 95


def test_an_unknown_task_is_not_found(sandbox):
    answer = sandbox.http.get("/v1/tasks/task-unified-1-abcdefgh")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "task_not_found"


def test_a_task_id_that_cannot_be_one_is_refused(sandbox):
    answer = sandbox.http.get("/v1/tasks/a%20b")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_task_id"


@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/tasks/x", "/v1/models", "/api/v1/files/quota"])
def test_reading_needs_a_key(sandbox, path):
    answer = sandbox.http.get(path, headers={"Authorization": "Bearer sk-evo-revoked"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"


def test_credits_are_an_old_endpoint_with_integer_codes(sandbox):
    answer = sandbox.http.get("/v1/credits", headers={"Authorization": "Bearer sk-evo-revoked"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == 401


def test_there_is_no_cancel(sandbox):
    task_id = sandbox.create_task()
    answer = sandbox.http.request("DELETE", f"/v1/tasks/{task_id}")
    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "method_not_allowed"


def test_an_address_that_is_not_there_answers_like_the_rest(sandbox):
    answer = sandbox.http.get("/v1/nothing")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_tasks_are_listed_newest_first_in_pages(sandbox):
    task_ids = []
    for number in range(5):
        task_ids.append(sandbox.create_task(f"cat {number}"))
        sandbox.clock.now += 1
    first = sandbox.http.get("/v1/tasks?page=1&page_size=2").json()
    last = sandbox.http.get("/v1/tasks?page=3&page_size=2").json()
    assert [task["id"] for task in first["data"]] == [task_ids[4], task_ids[3]]
    assert [task["id"] for task in last["data"]] == [task_ids[0]]
    assert first["total"] == 5
    assert set(first["data"][0]) == {
        "id",
        "status",
        "model",
        "progress",
        "created_at",
        "credits_used",
    }


def test_the_list_can_be_narrowed_by_status_and_model(sandbox):
    completed_id = sandbox.create_finished()["id"]
    failed_id = sandbox.create_finished("[policy] x")["id"]
    waiting = sandbox.create_task(model=VEO)

    def ids(query):
        return [task["id"] for task in sandbox.http.get(f"/v1/tasks?{query}").json()["data"]]

    assert ids("status=completed") == [completed_id]
    assert ids("status=failed") == [failed_id]
    assert ids("status=pending") == [waiting]
    assert ids("status=processing") == []
    assert ids("status=nonsense") == []
    assert ids(f"model={VEO}") == [waiting]
    assert ids(f"status=completed&model={VEO}") == []


@pytest.mark.parametrize("query", ["page=0", "page_size=51", "page=x", "page=²", "page_size=-1"])
def test_a_page_that_cannot_be_is_refused(sandbox, query):
    assert sandbox.http.get(f"/v1/tasks?{query}").status_code == 400


def test_the_models_are_listed(sandbox):
    ids = [model["id"] for model in sandbox.http.get("/v1/models").json()["data"]]
    assert len(ids) == 5
    assert VEO in ids


def test_a_restart_loses_no_task(sandbox):
    waiting = sandbox.create_task("first")
    task = sandbox.create_finished("second")
    key = {"Idempotency-Key": "generation-0000000001"}
    created = sandbox.post_generation({"model": VEO, "prompt": "third"}, **key).json()
    sandbox.start()
    assert sandbox.get_task(task["id"]) == task
    assert sandbox.post_generation({"model": VEO, "prompt": "third"}, **key).json() == created
    sandbox.advance(30)
    assert sandbox.get_task(waiting)["status"] == "completed"
    assert sandbox.get_task(created["id"])["status"] == "completed"


def test_the_front_page_lists_every_scenario_without_a_key(sandbox):
    page = sandbox.http.get("/", headers={"Authorization": ""}).text
    assert "[policy]" in page
    assert "[callback-first]" in page
    assert sandbox.http.get("/healthz").json() == {"status": "ok"}
