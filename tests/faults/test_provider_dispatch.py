"""Trouble at the one request that spends money: what is paid, known, shown and never repeated."""

import tracemalloc
from dataclasses import replace
from decimal import Decimal

import pytest

from evolink_studio.credits.models import AllowanceBalance
from evolink_studio.evolink.client import Deadlines
from evolink_studio.generations.models import Generation
from evolink_studio.generations.resolutions import mark_charged, mark_not_charged
from evolink_studio.generations.states import State
from tests.faults.conftest import FAULTS_SIZE, assert_nothing_paid_twice_or_hidden
from tests.faults.lifecycle import (
    IDEMPOTENCY_HEADER,
    assert_accepted_at_most_once,
    assert_all_cleared,
    assert_lost_is_shown,
    count_states,
    idempotency_key_of,
    reload,
)
from tests.faults.report import count_cases
from tests.provider_replies import (
    Reply,
    cut_reply,
    cut_reply_body,
    drip_reply,
    make_dropped_reply,
    make_error_reply,
    make_gzip_bomb_reply,
    make_redirect_reply,
    make_reply,
    make_silent_reply,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


def cut_positions(reply: Reply) -> list[int]:
    """Where to cut: every boundary and some bytes between; with a larger size, every byte."""
    wire, head = reply.wire_bytes, len(reply.head_bytes)
    lines = [n for n, byte in enumerate(wire[:head]) if byte == 10]
    names = [wire.index(name) for name in (b'"id"', b"task-unified", b'"status"', b'"usage"')]
    edges = {
        0,
        1,
        head - 1,
        head,
        head + 1,
        task_end_position(reply) - 1,
        task_end_position(reply),
        len(wire),
    }
    near_edges = {n + offset for n in (*lines, *names) for offset in (-1, 0, 1)}
    between = range(0, len(wire) + 1, 30 if FAULTS_SIZE == 1 else 1)
    return sorted(n for n in edges | near_edges | set(between) if 0 <= n <= len(wire))


def task_end_position(reply: Reply) -> int:
    """How many bytes hold the whole task."""
    return reply.wire_bytes.rindex(b"}") + 1


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
def test_an_answer_cut_at_any_byte_is_never_paid_again_and_its_task_is_found(
    lifecycle, fake_provider, video_url, chunked
):
    with count_cases("Provider: answer to the POST cut, then a callback") as case_counter:
        cuts = cut_positions(replace(lifecycle.make_task_reply_now(), is_chunked=chunked))
        rows = lifecycle.create_generations(len(cuts))
        replies = [replace(lifecycle.make_task_reply_now(), is_chunked=chunked) for _ in cuts]
        fake_provider.create.reply_next(
            *(cut_reply(reply, n) for reply, n in zip(replies, cuts, strict=True))
        )
        lifecycle.dispatch_all()

        keys = [request.headers[IDEMPOTENCY_HEADER] for request in fake_provider.create.requests]
        by_key = {idempotency_key_of(row): reload(row) for row in rows}
        for key, n in zip(keys, cuts, strict=True):
            is_task_known = n >= task_end_position(replies[0])
            assert by_key[key].state == ("running" if is_task_known else "unknown"), n
            case_counter.cases += 1
        assert_lost_is_shown(lifecycle.clock())
        assert_nothing_paid_twice_or_hidden(fake_provider)

        lifecycle.worker.run_all_stages()  # too many alike in the task list: none is guessed
        assert count_states()["unknown"] == sum(n < task_end_position(replies[0]) for n in cuts)
        for row in Generation.objects.filter(state=State.UNKNOWN):
            assert lifecycle.post_callback(row, id=lifecycle.task_id_of(row)).status_code == 204
        lifecycle.clock.advance(seconds=1)
        for _ in range(0, len(cuts), 100):  # as many as are taken at once
            lifecycle.worker.reconcile_due()
        assert count_states() == {"running": len(cuts)}
        assert_nothing_paid_twice_or_hidden(fake_provider)

        lifecycle.end_and_assert_cleared(rows, video_url)
        assert len(fake_provider.create.requests) == len(cuts)


def lost_replies(accepted_reply: Reply) -> dict[str, Reply]:
    """Each leaves it open whether EvoLink took the request."""
    return {
        "no answer": make_silent_reply(),
        "no answer, not taken": make_silent_reply(accepts_task=False),
        "drips": drip_reply(accepted_reply, byte_pause_seconds=0.05),
        "closed": make_dropped_reply(),
        "closed, not taken": make_dropped_reply(accepts_task=False),
        "reset": make_dropped_reply(is_reset=True),
        "cut in the body": cut_reply_body(accepted_reply, after_bytes=40),
        "moved": make_redirect_reply("/v1/videos/generations", 307),
        "500": make_error_reply(500, "internal_error"),
        "500 over a task": replace(make_error_reply(500, "internal_error"), accepts_task=True),
        "502": make_error_reply(502, "upstream_error"),
        "503": make_error_reply(503, "service_unavailable"),
        "504": make_reply(b"<html>", 504),
        "408": make_error_reply(408, "timeout"),
        "409": make_error_reply(409, "idempotency_conflict"),
        "unknown to EvoLink": make_error_reply(402, "paid_outcome_unknown"),
        "400 without a body": make_reply(b"", 400),
        "401 of a proxy": make_reply(b"<html>", 401),
        "403 of a proxy": replace(make_reply(b"<html>", 403), accepts_task=True),
        "404 of a gateway": make_reply({"message": "no Route matched"}, 404),
        "429 of a proxy": replace(make_reply(b"<html>", 429), accepts_task=True),
        "garbage": make_reply(b"OK"),
        "no id": make_reply({"status": "pending"}),
        "a path as id": replace_task_id(accepted_reply, "../credits"),
        "huge": make_reply(b'{"id": "task-1", "x": "' + b"x" * 3_000_000 + b'"}'),
        "unfolding": make_gzip_bomb_reply(),
    }


def replace_task_id(accepted_reply: Reply, task_id: str) -> Reply:
    return replace(
        accepted_reply,
        body=accepted_reply.body.replace(b"task-unified", f"{task_id}/task".encode()),
    )


@pytest.mark.parametrize("is_listed", [True, False], ids=["with a task list", "without"])
def test_what_is_lost_is_not_posted_again_in_seven_days(lifecycle, fake_provider, is_listed):
    replies = lost_replies(lifecycle.make_task_reply_now())
    with count_cases("Provider: lost answers over seven days") as case_counter:
        if not is_listed:
            fake_provider.list.reply_always(make_reply(b"", 404))
        rows = lifecycle.create_generations(len(replies))
        fake_provider.create.reply_next(*replies.values())
        lifecycle.dispatch_all(replace(lifecycle.worker, deadlines=Deadlines(create=3)))
        assert count_states() == {"unknown": len(rows)}
        for _ in range(7 * 2 * FAULTS_SIZE):
            lifecycle.clock.advance(hours=12 / FAULTS_SIZE)
            lifecycle.worker.run_all_stages()
            case_counter.cases += len(rows)
        assert_nothing_paid_twice_or_hidden(fake_provider)
        assert_lost_is_shown(lifecycle.clock())
        assert count_states() == {"unknown": len(rows)}
        assert len(fake_provider.create.requests) == len(rows)
        assert AllowanceBalance.objects.get().credits_reserved == 162 * len(rows)

        # An owner looks at EvoLink's own pages and says what they see.
        accepted_keys = {
            accepted.request.headers[IDEMPOTENCY_HEADER]
            for accepted in fake_provider.accepted_posts
        }
        for row in rows:
            if idempotency_key_of(row) in accepted_keys:
                assert mark_charged(generation=row, amount=Decimal("25.7"), now=lifecycle.clock())
            else:
                assert mark_not_charged(generation=row, now=lifecycle.clock())
        assert_accepted_at_most_once(fake_provider)
        balance = AllowanceBalance.objects.get()
        assert (balance.credits_reserved, balance.credits_charged) == (
            0,
            Decimal("25.7") * len(accepted_keys),
        )


def test_the_only_lost_one_is_found_in_the_task_list(lifecycle, fake_provider, video_url):
    with count_cases("Provider: lost answer found in the task list") as case_counter:
        for reply in (
            make_dropped_reply(),
            make_silent_reply(),
            cut_reply_body(lifecycle.make_task_reply_now(), 60),
        ):
            lifecycle.clock.advance(hours=1)
            (row,) = lifecycle.create_generations()
            now = int(lifecycle.clock().timestamp())
            fake_provider.create.reply_next(reply)
            lifecycle.dispatch_all(replace(lifecycle.worker, deadlines=Deadlines(create=3)))
            fake_provider.update_task(lifecycle.task_id_of(row), created=now, created_at=now)
            lifecycle.worker.advance_until_due(row)
            lifecycle.worker.reconcile_due()
            assert reload(row).task_id == lifecycle.task_id_of(row)
            lifecycle.end_tasks([row], video_url)
            lifecycle.run_until_all_ended()
            case_counter.cases += 1
        assert_all_cleared(fake_provider)


def test_neither_floods_nor_drips_of_an_answer_block_the_worker(lifecycle, fake_provider):
    """The whole exchange has one deadline, and little of an answer is ever held in memory."""
    floods = {
        "drips": drip_reply(lifecycle.make_task_reply_now(), byte_pause_seconds=0.03),
        "unfolds": make_gzip_bomb_reply(200_000_000),
        "is silent": make_silent_reply(),
        "has no end of headers": make_reply({}, x="y" * 2_000_000),
    }
    with count_cases("Provider: floods and drips") as case_counter:
        hurried_worker = replace(lifecycle.worker, deadlines=Deadlines(create=3))
        for reply in floods.values():
            (row,) = lifecycle.create_generations()
            fake_provider.create.reply_next(reply)
            tracemalloc.start()
            hurried_worker.dispatch_due()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert reload(row).state == "unknown"
            assert peak < 30_000_000
            case_counter.cases += 1
        assert_nothing_paid_twice_or_hidden(fake_provider)
