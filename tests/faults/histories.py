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
from evolink_studio.generations.pipeline.leases import lease_due, next_due_at
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
from tests.faults.admins import PICK, Admins
from tests.faults.happenings import HAPPENINGS, happens
from tests.faults.promises import Promises, key_of
from tests.faults.table import Tally
from tests.faults.truth import BILLS, POSTS, Killed, Line, Truth
from tests.work import NAME, Clock

MODELS = ("veo3.1-pro", "sora-2-preview")
CREDITS = st.decimals(min_value=0, max_value=60, places=4)
TROUBLES = (
    None,
    None,
    None,
    ServiceUnavailableError("away"),
    RateLimitError("wait", 429),
    NotFoundError("?", 404),
)
SPANS = {"seconds": 5, "half a minute": 30, "minutes": 150, "an hour": 4000, "days": 200_000}
WORK = {State.RUNNING: poll_batch, State.SAVING: download_results, State.UNKNOWN: reconcile}


class Histories(Admins, Promises, RuleBasedStateMachine):
    """One studio with two people, one of them on a tight allowance, and one far end."""

    counted = Tally()

    def __init__(self) -> None:
        super().__init__()
        self.undone = transaction.atomic()
        self.undone.__enter__()
        self.clock = Clock()
        self.truth = Truth(self.clock)
        self.far = Provider(Line(self.truth), NAME, (), "", False)
        self.people = [UserFactory(), UserFactory()]
        Allowance.objects.create(user=self.people[0], credits_limit=Decimal(100), period="day")
        self.forms: list[dict] = []
        self.in_hand: list[tuple] = []  # rows that a frozen worker holds
        self.answers: list[tuple] = []  # answers that a frozen worker has not written down
        self.decided: dict[int, Decimal] = {}  # by an admin, who knows better
        self.lost: dict[str, int] = {}  # POSTs of a key when its row was first seen unknown
        self.pages: dict[int, Generation] = {}  # as an admin opened them, when the answer was lost
        self.rows: list[Generation] = []
        self.ended: dict[int, tuple] = {}
        Histories.counted.cases += 1

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        can = [(name, n, given) for name, n, possible, given in HAPPENINGS if possible(self)]
        names = [name for name, often, _ in can for _ in range(often)]
        name = data.draw(st.sampled_from(names))
        given = next(given for known, _, given in can if known == name)
        getattr(self, name)(**{key: data.draw(strategy) for key, strategy in given.items()})

    # --- people -----------------------------------------------------------------------------

    @happens(often=3, who=st.integers(0, 1), model=st.sampled_from(MODELS), price=CREDITS)
    def press(self, who: int, model: str, price: Decimal) -> None:
        form = {
            "owner": self.people[who],
            "spec": get_spec(model),
            "params": {"prompt": f"A cat {len(self.forms)}"},
            "assets": [],
            "form_key": uuid.uuid4(),
            "estimated": price,
        }
        try:
            assert create_generation(**form, now=self.clock()).is_new
        except SpendingDenied:
            return
        self.forms.append(form)

    @happens(possible=lambda self: self.forms, pick=PICK, changed=st.booleans())
    def press_the_same_again(self, pick: int, changed: bool) -> None:
        form = self.forms[pick % len(self.forms)]
        if not changed:
            assert not create_generation(**form, now=self.clock()).is_new
            return
        with pytest.raises(IdempotencyConflict):
            create_generation(**form | {"params": {"prompt": "Another"}}, now=self.clock())

    @happens(possible=lambda self: self.forms, pick=PICK)
    def press_cancel(self, pick: int) -> None:
        cancel(generation=self.some(pick), now=self.clock())

    @happens(possible=lambda self: self.forms, pick=PICK, back=st.booleans())
    def press_stop_or_resume_watching(self, pick: int, back: bool) -> None:
        row = self.some(pick)
        if back:
            restore(generation=row)
        else:
            dismiss(generation=row, now=self.clock())
        self.ended.pop(row.pk, None)  # of what has ended it may change this alone
        after = self.some(pick)
        assert money_and_task(after) == money_and_task(row)

    # --- the worker -------------------------------------------------------------------------

    @happens(
        often=5,
        possible=lambda self: self.waiting(),
        post=st.sampled_from(["accepted", "accepted", *POSTS]),
        reserves=CREDITS,
    )
    def the_worker_sends(self, post: str, reserves: Decimal) -> None:
        held, rows = self.take(State.QUEUED, 1)
        self.truth.post, self.truth.reserves = post, reserves
        for row in rows:
            self.work(dispatch, row, held)

    @happens(
        often=6,
        possible=lambda self: self.busy(),
        pick=PICK,
        trouble=st.sampled_from(TROUBLES),
        age=st.sampled_from((0, 0, 0, 1, 3)),
    )
    def the_worker_looks(self, pick: int, trouble: Exception | None, age: int) -> None:
        state = self.busy()[pick % len(self.busy())]
        held, rows = self.take(state, 3)
        self.truth.trouble, self.truth.age = trouble, age
        for row in rows:
            self.work(WORK[state], row, held)

    @happens(
        possible=lambda self: any(row.state == State.SENDING for row in self.rows),
    )
    def the_worker_sweeps(self) -> None:
        recover_interrupted_sends(now=self.clock())

    @happens(possible=lambda self: self.waiting() or self.busy(), pick=PICK)
    def a_worker_takes_rows_and_freezes(self, pick: int) -> None:
        states = [*self.busy(), *([State.QUEUED] if self.waiting() else [])]
        state = states[pick % len(states)]
        held, rows = self.take(state, 2)
        self.in_hand += [(WORK.get(state, dispatch), row, held) for row in rows]

    @happens(
        possible=lambda self: self.in_hand,
        pick=PICK,
        post=st.sampled_from(sorted(POSTS)),
        age=st.integers(0, 2),
    )
    def a_frozen_worker_goes_on(self, pick: int, post: str, age: int) -> None:
        step, row, held = self.in_hand.pop(pick % len(self.in_hand))
        self.truth.post, self.truth.trouble, self.truth.age = post, None, age
        self.work(step, row, held)

    @happens(possible=lambda self: self.answers, pick=PICK, again=st.booleans())
    def a_frozen_worker_writes_its_answer(self, pick: int, again: bool) -> None:
        row, task, held = self.answers[pick % len(self.answers)]
        for _ in range(1 + again):
            record_accepted(row, task, held, self.far, self.clock())

    @happens(
        possible=lambda self: self.truth.tasks,
        pick=PICK,
        status=st.sampled_from(["pending", "processing", "completed", "waiting for paint"]),
        progress=st.sampled_from([-5, 0, 40, 100, 250, None]),
    )
    def a_task_goes_on(self, pick: int, status: str, progress: int | None) -> None:
        self.truth.says(self.some_task(pick), status=status, progress=progress)

    @happens(
        often=4,
        possible=lambda self: len(self.truth.charges) < len(self.truth.tasks),
        pick=PICK,
        status=st.sampled_from(["completed", "completed", "failed", "cancelled"]),
        bill=st.sampled_from(sorted(BILLS)),
        amount=CREDITS,
    )
    def a_task_ends(self, pick: int, status: str, bill: str, amount: Decimal) -> None:
        going = sorted(set(self.truth.tasks) - set(self.truth.charges))
        self.truth.ends(going[pick % len(going)], status, bill, amount)

    @happens(
        possible=lambda self: self.forms,
        pick=PICK,
        other=PICK,
        names=st.sampled_from(["its own", "a linked one", "none there"]),
    )
    def callbacks_come(self, pick: int, other: int, names: str) -> None:
        row = self.some(pick)
        linked = sorted(Generation.objects.exclude(task_id=None).values_list("task_id", flat=True))
        named = {
            "its own": self.truth.taken.get(key_of(row), ""),
            "a linked one": linked[other % len(linked)] if linked else "",
            "none there": "task-of-nobody",
        }[names]
        for _ in range(1 + other % 3 * 10):
            record_callback(
                token=row.callback_token,
                size_bytes=50,
                status="completed",
                task_id=named,
                now=self.clock(),
            )

    @happens(token=st.text(max_size=20))
    def a_callback_is_forged(self, token: str) -> None:
        record_callback(
            token=token, size_bytes=9, status="completed", task_id="task-000001", now=self.clock()
        )

    @happens(span=st.sampled_from(sorted(SPANS)))
    def time_passes(self, span: str) -> None:
        self.clock.forward(seconds=SPANS[span])

    @invariant()
    def nothing_is_broken(self) -> None:
        self.every_promise_holds()

    def work(self, step, row: Generation, held: uuid.UUID) -> None:
        what = [row] if step is poll_batch else row
        try:
            async_to_sync(step)(what, lease_id=held, provider=self.far, clock=self.clock)
        except Killed:
            task_id = self.truth.taken.get(key_of(row))
            if task_id:
                first = Task.model_validate(self.truth.tasks[task_id][0])
                self.answers.append((row, first, held))

    def take(self, state: State, turns: int) -> tuple[uuid.UUID, list[Generation]]:
        """Wait until such a row is due, and take what is due: so many turns, or all of it."""
        due = next_due_at([state])
        if due is not None:
            self.clock.now = max(self.clock.now, due)
        if state == State.QUEUED:
            return lease_next(limit=turns, now=self.clock(), limits=ConcurrencyLimits())
        held, rows = lease_due(state, limit=100, now=self.clock())
        return held, sorted(rows, key=lambda row: row.pk)

    def waiting(self) -> bool:
        return any(row.state == State.QUEUED for row in self.rows)

    def busy(self) -> list[State]:
        return sorted({State(row.state) for row in self.rows} & WORK.keys())

    def some(self, pick: int) -> Generation:
        form = self.forms[pick % len(self.forms)]
        return Generation.objects.get(form_key=form["form_key"])

    def some_task(self, pick: int) -> str:
        return sorted(self.truth.tasks)[pick % len(self.truth.tasks)]


def money_and_task(row: Generation) -> tuple:
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
