"""Credits: what is reserved, charged, given back and filled up."""

from decimal import Decimal

import pytest

from tests.sandbox.world import GROK, SORA, VEO


def sum_of(world, task_id=None):
    return sum(entry.amount for entry in world.entries(task_id))


def test_the_balance_has_the_documented_shape(world):
    assert world.http.get("/v1/credits").json() == {
        "data": {
            "token": {"remaining_credits": 0, "unlimited_credits": True, "used_credits": 0},
            "user": {"remaining_credits": 1000, "used_credits": 0},
        },
        "message": "",
        "success": True,
    }


def test_a_reservation_leaves_the_balance_at_once_and_is_used_at_the_end(world):
    task_id = world.create()
    assert world.credits() == {
        "remaining_credits": Decimal("991.84"),
        "used_credits": Decimal(0),
    }
    world.later(20)
    assert world.credits() == {
        "remaining_credits": Decimal("991.84"),
        "used_credits": Decimal("8.16"),
    }
    assert sum_of(world, task_id) == Decimal("-8.16")


@pytest.mark.parametrize("story", ["policy", "service", "timeout", "strange", "cancelled"])
def test_a_failed_task_sums_up_to_zero(world, story):
    task = world.finished(f"[{story}] a cat")
    assert task["usage"]["credits_used"] == 0
    assert task["billing"]["refund_status"] == "refunded"
    assert task["billing"]["refunded_credits"] == 8.16
    assert sum_of(world, task["id"]) == 0
    assert world.remaining() == 1000


@pytest.mark.parametrize(
    ("story", "charged"), [("cheaper", "4.08"), ("dearer", "8.976"), ("kept", "8.16")]
)
def test_what_is_charged_can_differ_from_what_was_reserved(world, story, charged):
    task = world.finished(f"[{story}] a cat")
    assert str(task["usage"]["credits_used"]) == charged
    assert sum_of(world, task["id"]) == -Decimal(charged)
    assert world.remaining() == 1000 - Decimal(charged)


def test_without_enough_credits_the_request_is_refused(make_world):
    world = make_world(opening_balance=Decimal(20))
    world.create()
    world.create()
    answer = world.post({"model": GROK, "prompt": "x"})
    assert answer.status_code == 402
    assert answer.json()["error"]["code"] == "insufficient_quota"
    assert world.remaining() == Decimal("3.68")
    assert world.http.get("/v1/tasks").json()["total"] == 2


def test_the_last_credit_can_be_spent(make_world):
    world = make_world(opening_balance=Decimal(162))
    world.create(model=VEO)
    assert world.remaining() == 0


def test_midnight_fills_the_account_up_once(world):
    world.finished(model=VEO)
    assert world.remaining() == 838
    world.later(86_400)
    assert world.remaining() == 1000
    world.finished(model=SORA)
    assert world.remaining() == Decimal("976.96")


def test_midnight_takes_nothing_from_a_full_account(world):
    world.http.post("/sandbox/top-up", json={"credits": 500})
    world.later(86_400)
    assert world.remaining() == 1500


def test_the_balance_outlives_a_restart_and_is_the_sum_of_its_entries(world):
    world.finished(model=VEO)
    world.finished("[policy] x", model=VEO)
    world.finished("[cheaper] x")
    world.create(model=SORA)
    before = world.remaining()
    world.start()
    assert world.remaining() == before == sum_of(world)


@pytest.mark.parametrize("credits", [0, -1, "5", 1.5, True, None, 100_001])
def test_a_strange_top_up_is_refused(world, credits):
    assert world.http.post("/sandbox/top-up", json={"credits": credits}).status_code == 400
    assert world.remaining() == 1000


def test_a_top_up_needs_a_key(world):
    headers = {"Authorization": ""}
    answer = world.http.post("/sandbox/top-up", json={"credits": 5}, headers=headers)
    assert answer.status_code == 401
