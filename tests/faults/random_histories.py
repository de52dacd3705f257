"""Everything that may happen to a studio with two people, in an order left to chance."""

import uuid
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
)

from evolink_studio.catalog import get_spec
from evolink_studio.credits.exceptions import SpendingDenied
from evolink_studio.credits.models import Allowance
from evolink_studio.evolink.errors import NotFoundError, RateLimitError, ServiceUnavailableError
from evolink_studio.evolink.types import Task
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.dispatch import dispatch, record_accepted
from evolink_studio.generations.pipeline.downloading import download_results
from evolink_studio.generations.pipeline.leases import find_due_times, lease_due
from evolink_studio.generations.pipeline.polling import poll_batch
from evolink_studio.generations.pipeline.provider import Provider
from evolink_studio.generations.pipeline.queue import ConcurrencyLimits, lease_next
from evolink_studio.generations.pipeline.reconciliation import reconcile, recover_interrupted_sends
from evolink_studio.generations.services import (
    IdempotencyConflict,
    cancel,
    create_generation,
    dismiss,
    record_callback,
    restore,
)
from evolink_studio.generations.states import State
from tests.factories import UserFactory
from tests.faults.admin_actions import INDEXES, AdminActions
from tests.faults.history_events import EVENTS, history_event
from tests.faults.in_memory_provider import (
    BILL_BUILDERS,
    POST_OUTCOMES,
    InMemoryClient,
    InMemoryProvider,
    WorkerKilled,
)
from tests.faults.invariants import Invariants
from tests.faults.lifecycle import idempotency_key_of
from tests.faults.report import CaseCounter
from tests.manual_worker import PROVIDER_KEY, FakeClock

MODELS = ("veo3.1-pro", "sora-2-preview")
CREDIT_AMOUNTS = st.decimals(min_value=0, max_value=60, places=4)
READ_ERRORS = (
    None,
    None,
    None,
    ServiceUnavailableError("away"),
    RateLimitError("wait", 429),
    NotFoundError("?", 404),
)
TIME_SPANS_SECONDS = {
    "seconds": 5,
    "half a minute": 30,
    "minutes": 150,
    "an hour": 4000,
    "days": 200_000,
}
STAGE_BY_STATE = {
    State.RUNNING: poll_batch,
    State.SAVING: download_results,
    State.UNKNOWN: reconcile,
}


class RandomHistories(AdminActions, Invariants, RuleBasedStateMachine):
    """One studio with two people, one of them on a tight allowance, and one provider."""

    case_counter = CaseCounter()

    def __init__(self) -> None:
        super().__init__()
        self.outer_transaction = transaction.atomic()
        self.outer_transaction.__enter__()
        self.clock = FakeClock()
        self.provider = InMemoryProvider(self.clock)
        self.worker_provider = Provider(InMemoryClient(self.provider), PROVIDER_KEY, (), "", False)
        self.users = [UserFactory(), UserFactory()]
        Allowance.objects.create(user=self.users[0], credits_limit=Decimal(100), period="day")
        self.forms: list[dict] = []
        self.frozen_rows: list[tuple] = []  # rows that a frozen worker has leased
        self.unwritten_answers: list[
            tuple
        ] = []  # answers that a frozen worker has not written down
        self.decided_charges: dict[int, Decimal] = {}  # by an admin, who knows better
        self.posts_when_lost: dict[
            str, int
        ] = {}  # POSTs of a key when its row was first seen unknown
        self.opened_pages: dict[
            int, Generation
        ] = {}  # as an admin opened them, when the answer was lost
        self.rows: list[Generation] = []
        self.ended_values: dict[int, tuple] = {}
        RandomHistories.case_counter.cases += 1

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.outer_transaction.__exit__(None, None, None)

    @rule(data=st.data())
    def run_event(self, data: st.DataObject) -> None:
        possible_events = [
            (name, n, strategies) for name, n, condition, strategies in EVENTS if condition(self)
        ]
        names = [name for name, weight, _ in possible_events for _ in range(weight)]
        name = data.draw(st.sampled_from(names))
        strategies = next(
            strategies for event_name, _, strategies in possible_events if event_name == name
        )
        getattr(self, name)(**{key: data.draw(strategy) for key, strategy in strategies.items()})

    # --- people -----------------------------------------------------------------------------

    @history_event(
        weight=3, user_index=st.integers(0, 1), model=st.sampled_from(MODELS), price=CREDIT_AMOUNTS
    )
    def submit_form(self, user_index: int, model: str, price: Decimal) -> None:
        form = {
            "owner": self.users[user_index],
            "spec": get_spec(model),
            "params": {"prompt": f"A cat {len(self.forms)}"},
            "assets": [],
            "form_key": uuid.uuid4(),
            "credits_estimated": price,
        }
        try:
            assert create_generation(**form, now=self.clock()).is_new
        except SpendingDenied:
            return
        self.forms.append(form)

    @history_event(condition=lambda self: self.forms, pick=INDEXES, is_changed=st.booleans())
    def submit_form_again(self, pick: int, is_changed: bool) -> None:
        form = self.forms[pick % len(self.forms)]
        if not is_changed:
            assert not create_generation(**form, now=self.clock()).is_new
            return
        with pytest.raises(IdempotencyConflict):
            create_generation(**form | {"params": {"prompt": "Another"}}, now=self.clock())

    @history_event(condition=lambda self: self.forms, pick=INDEXES)
    def cancel_generation(self, pick: int) -> None:
        cancel(generation=self.pick_generation(pick), now=self.clock())

    @history_event(condition=lambda self: self.forms, pick=INDEXES, is_restored=st.booleans())
    def dismiss_or_restore(self, pick: int, is_restored: bool) -> None:
        row = self.pick_generation(pick)
        if is_restored:
            restore(generation=row)
        else:
            dismiss(generation=row, now=self.clock())
        self.ended_values.pop(row.pk, None)  # of what has ended it may change this alone
        following = self.pick_generation(pick)
        assert unchanged_values(following) == unchanged_values(row)

    # --- the worker -------------------------------------------------------------------------

    @history_event(
        weight=5,
        condition=lambda self: self.has_queued(),
        post=st.sampled_from(["accepted", "accepted", *POST_OUTCOMES]),
        reserves=CREDIT_AMOUNTS,
    )
    def run_dispatch(self, post: str, reserves: Decimal) -> None:
        lease_id, rows = self.lease_when_due(State.QUEUED, 1)
        self.provider.next_outcome, self.provider.next_reservation = post, reserves
        for row in rows:
            self.run_stage(dispatch, row, lease_id)

    @history_event(
        weight=6,
        condition=lambda self: self.busy_states(),
        pick=INDEXES,
        error=st.sampled_from(READ_ERRORS),
        age=st.sampled_from((0, 0, 0, 1, 3)),
    )
    def run_busy_stage(self, pick: int, error: Exception | None, age: int) -> None:
        state = self.busy_states()[pick % len(self.busy_states())]
        lease_id, rows = self.lease_when_due(state, 3)
        self.provider.read_error, self.provider.read_lag = error, age
        for row in rows:
            self.run_stage(STAGE_BY_STATE[state], row, lease_id)

    @history_event(
        condition=lambda self: any(row.state == State.SENDING for row in self.rows),
    )
    def run_recovery(self) -> None:
        recover_interrupted_sends(now=self.clock())

    @history_event(condition=lambda self: self.has_queued() or self.busy_states(), pick=INDEXES)
    def lease_and_freeze(self, pick: int) -> None:
        states = [*self.busy_states(), *([State.QUEUED] if self.has_queued() else [])]
        state = states[pick % len(states)]
        lease_id, rows = self.lease_when_due(state, 2)
        self.frozen_rows += [(STAGE_BY_STATE.get(state, dispatch), row, lease_id) for row in rows]

    @history_event(
        condition=lambda self: self.frozen_rows,
        pick=INDEXES,
        post=st.sampled_from(sorted(POST_OUTCOMES)),
        age=st.integers(0, 2),
    )
    def resume_frozen_worker(self, pick: int, post: str, age: int) -> None:
        stage, row, lease_id = self.frozen_rows.pop(pick % len(self.frozen_rows))
        self.provider.next_outcome, self.provider.read_error, self.provider.read_lag = (
            post,
            None,
            age,
        )
        self.run_stage(stage, row, lease_id)

    @history_event(
        condition=lambda self: self.unwritten_answers, pick=INDEXES, is_repeated=st.booleans()
    )
    def write_late_answer(self, pick: int, is_repeated: bool) -> None:
        row, task, lease_id = self.unwritten_answers[pick % len(self.unwritten_answers)]
        for _ in range(1 + is_repeated):
            record_accepted(row, task, lease_id, self.worker_provider, self.clock())

    @history_event(
        condition=lambda self: self.provider.task_versions,
        pick=INDEXES,
        status=st.sampled_from(["pending", "processing", "completed", "waiting for paint"]),
        progress=st.sampled_from([-5, 0, 40, 100, 250, None]),
    )
    def update_task(self, pick: int, status: str, progress: int | None) -> None:
        self.provider.update_task(self.pick_task_id(pick), status=status, progress=progress)

    @history_event(
        weight=4,
        condition=lambda self: (
            len(self.provider.charged_by_task) < len(self.provider.task_versions)
        ),
        pick=INDEXES,
        status=st.sampled_from(["completed", "completed", "failed", "cancelled"]),
        bill=st.sampled_from(sorted(BILL_BUILDERS)),
        amount=CREDIT_AMOUNTS,
    )
    def end_task(self, pick: int, status: str, bill: str, amount: Decimal) -> None:
        open_ids = sorted(set(self.provider.task_versions) - set(self.provider.charged_by_task))
        self.provider.end_task(open_ids[pick % len(open_ids)], status, bill, amount)

    @history_event(
        condition=lambda self: self.forms,
        pick=INDEXES,
        other_pick=INDEXES,
        names=st.sampled_from(["its own", "a linked one", "none there"]),
    )
    def send_callbacks(self, pick: int, other_pick: int, names: str) -> None:
        row = self.pick_generation(pick)
        linked_ids = sorted(
            Generation.objects.exclude(task_id=None).values_list("task_id", flat=True)
        )
        callback_ids = {
            "its own": self.provider.task_ids_by_key.get(idempotency_key_of(row), ""),
            "a linked one": linked_ids[other_pick % len(linked_ids)] if linked_ids else "",
            "none there": "task-of-nobody",
        }[names]
        for _ in range(1 + other_pick % 3 * 10):
            record_callback(
                token=row.callback_token,
                size_bytes=50,
                status="completed",
                task_id=callback_ids,
                now=self.clock(),
            )

    @history_event(token=st.text(max_size=20))
    def forge_callback(self, token: str) -> None:
        record_callback(
            token=token, size_bytes=9, status="completed", task_id="task-000001", now=self.clock()
        )

    @history_event(span=st.sampled_from(sorted(TIME_SPANS_SECONDS)))
    def advance_time(self, span: str) -> None:
        self.clock.advance(seconds=TIME_SPANS_SECONDS[span])

    @invariant()
    def check_all_invariants(self) -> None:
        self.assert_all()

    def run_stage(self, stage, row: Generation, lease_id: uuid.UUID) -> None:
        argument = [row] if stage is poll_batch else row
        try:
            async_to_sync(stage)(
                argument, lease_id=lease_id, provider=self.worker_provider, clock=self.clock
            )
        except WorkerKilled:
            task_id = self.provider.task_ids_by_key.get(idempotency_key_of(row))
            if task_id:
                first = Task.model_validate(self.provider.task_versions[task_id][0])
                self.unwritten_answers.append((row, first, lease_id))

    def lease_when_due(self, state: State, limit: int) -> tuple[uuid.UUID, list[Generation]]:
        """Wait until such a row is due, and take what is due: so many turns, or all of it."""
        due_at = find_due_times([state]).get(state)
        if due_at is not None:
            self.clock.now = max(self.clock.now, due_at)
        if state == State.QUEUED:
            return lease_next(limit=limit, now=self.clock(), limits=ConcurrencyLimits())
        lease_id, rows = lease_due(state, limit=100, now=self.clock())
        return lease_id, sorted(rows, key=lambda row: row.pk)

    def has_queued(self) -> bool:
        return any(row.state == State.QUEUED for row in self.rows)

    def busy_states(self) -> list[State]:
        return sorted({State(row.state) for row in self.rows} & STAGE_BY_STATE.keys())

    def pick_generation(self, pick: int) -> Generation:
        form = self.forms[pick % len(self.forms)]
        return Generation.objects.get(form_key=form["form_key"])

    def pick_task_id(self, pick: int) -> str:
        return sorted(self.provider.task_versions)[pick % len(self.provider.task_versions)]


def unchanged_values(row: Generation) -> tuple:
    """What watching or not watching changes nothing of."""
    return (
        row.state,
        row.charge,
        row.credits_reserved,
        row.credits_charged,
        row.task_id,
        row.candidate_task_id,
        row.next_attempt_at,
    )
