"""Credits: what is reserved, charged, given back and filled up."""

from decimal import Decimal

import pytest

from tests.sandbox.sandboxes import GROK, SORA, VEO


def entry_sum(sandbox, task_id=None):
    return sum(entry.credits for entry in sandbox.list_entries(task_id))


def test_the_balance_has_the_documented_shape(sandbox):
    assert sandbox.http.get("/v1/credits").json() == {
        "data": {
            "token": {"remaining_credits": 0, "unlimited_credits": True, "used_credits": 0},
            "user": {"remaining_credits": 1000, "used_credits": 0},
        },
        "message": "",
        "success": True,
    }


def test_a_reservation_leaves_the_balance_at_once_and_is_used_at_the_end(sandbox):
    task_id = sandbox.create_task()
    assert sandbox.get_credits() == {
        "remaining_credits": Decimal("991.84"),
        "used_credits": Decimal(0),
    }
    sandbox.advance(20)
    assert sandbox.get_credits() == {
        "remaining_credits": Decimal("991.84"),
        "used_credits": Decimal("8.16"),
    }
    assert entry_sum(sandbox, task_id) == Decimal("-8.16")


@pytest.mark.parametrize("scenario", ["policy", "service", "timeout", "strange", "cancelled"])
def test_a_failed_task_sums_up_to_zero(sandbox, scenario):
    task = sandbox.create_finished(f"[{scenario}] a cat")
    assert task["usage"]["credits_used"] == 0
    assert task["billing"]["refund_status"] == "refunded"
    assert task["billing"]["refunded_credits"] == 8.16
    assert entry_sum(sandbox, task["id"]) == 0
    assert sandbox.get_remaining_credits() == 1000


@pytest.mark.parametrize(
    ("scenario", "charged"), [("cheaper", "4.08"), ("dearer", "8.976"), ("kept", "8.16")]
)
def test_what_is_charged_can_differ_from_what_was_reserved(sandbox, scenario, charged):
    task = sandbox.create_finished(f"[{scenario}] a cat")
    assert str(task["usage"]["credits_used"]) == charged
    assert entry_sum(sandbox, task["id"]) == -Decimal(charged)
    assert sandbox.get_remaining_credits() == 1000 - Decimal(charged)


def test_without_enough_credits_the_request_is_refused(make_sandbox):
    sandbox = make_sandbox(opening_balance=Decimal(20))
    sandbox.create_task()
    sandbox.create_task()
    answer = sandbox.post_generation({"model": GROK, "prompt": "x"})
    assert answer.status_code == 402
    assert answer.json()["error"]["code"] == "insufficient_quota"
    assert sandbox.get_remaining_credits() == Decimal("3.68")
    assert sandbox.http.get("/v1/tasks").json()["total"] == 2


def test_the_last_credit_can_be_spent(make_sandbox):
    sandbox = make_sandbox(opening_balance=Decimal(162))
    sandbox.create_task(model=VEO)
    assert sandbox.get_remaining_credits() == 0


def test_midnight_fills_the_account_up_once(sandbox):
    sandbox.create_finished(model=VEO)
    assert sandbox.get_remaining_credits() == 838
    sandbox.advance(86_400)
    assert sandbox.get_remaining_credits() == 1000
    sandbox.create_finished(model=SORA)
    assert sandbox.get_remaining_credits() == Decimal("976.96")


def test_midnight_takes_nothing_from_a_full_account(sandbox):
    sandbox.http.post("/sandbox/top-up", json={"credits": 500})
    sandbox.advance(86_400)
    assert sandbox.get_remaining_credits() == 1500


def test_the_balance_outlives_a_restart_and_is_the_sum_of_its_entries(sandbox):
    sandbox.create_finished(model=VEO)
    sandbox.create_finished("[policy] x", model=VEO)
    sandbox.create_finished("[cheaper] x")
    sandbox.create_task(model=SORA)
    before = sandbox.get_remaining_credits()
    sandbox.start()
    assert sandbox.get_remaining_credits() == before == entry_sum(sandbox)


@pytest.mark.parametrize("credits", [0, -1, "5", 1.5, True, None, 100_001])
def test_a_strange_top_up_is_refused(sandbox, credits):
    assert sandbox.http.post("/sandbox/top-up", json={"credits": credits}).status_code == 400
    assert sandbox.get_remaining_credits() == 1000


def test_a_top_up_needs_a_key(sandbox):
    headers = {"Authorization": ""}
    answer = sandbox.http.post("/sandbox/top-up", json={"credits": 5}, headers=headers)
    assert answer.status_code == 401
