"""A far end in memory that keeps the truth: what it took, from whom, and what it charges for it.

It has the surface of the EvoLink client, without a network between, so that tens of thousands of
calls cost little. What it says next is set before each call; what it did is remembered.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from evolink_studio.evolink.errors import (
    NotFoundError,
    OutcomeUnknown,
    RateLimitError,
    RequestNotSent,
    RequestRejected,
)
from evolink_studio.evolink.types import Task, TaskSummary

ZERO = Decimal(0)


class Killed(Exception):
    """The worker is gone at this very moment; nothing after it is ever run."""


# What a POST may meet: was it taken, and what does its sender learn?
POSTS: dict[str, tuple[bool, Exception | None]] = {
    "accepted": (True, None),
    "answer cut": (True, OutcomeUnknown("cut")),
    "killed after": (True, Killed()),
    "lost on the way": (False, OutcomeUnknown("reset")),
    "503": (False, OutcomeUnknown("busy", 503)),
    "killed before": (False, Killed()),
    "refused": (False, RequestRejected("no", 400, "invalid_parameter")),
    "asked to wait": (False, RateLimitError("later", 429, retry_after=30)),
    "not connected": (False, RequestNotSent("no route")),
}
AGAIN = {"asked to wait", "not connected"}  # nothing was taken for sure: may be sent again


class Truth:
    """What EvoLink knows. `tasks` holds everything that each task ever said, oldest first."""

    def __init__(self, clock: Callable[[], datetime], name: str = "task") -> None:
        self.clock, self.name = clock, name
        self.numbers = itertools.count(1)
        self.tasks: dict[str, list[dict[str, Any]]] = {}
        self.taken: dict[str, str] = {}  # task id by idempotency key
        self.charges: dict[str, Decimal] = {}  # by task id, once it has ended
        self.posts: Counter[str] = Counter()
        self.last: dict[str, str] = {}  # how the last POST of a key went
        self.doubled: list[str] = []  # POSTs that must not have come
        self.post, self.reserves = "accepted", Decimal("25.7")
        self.trouble: Exception | None = None  # of reads and searches
        self.age = 0  # how many versions behind a read is

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def create(self, payload: Mapping[str, object], *, idempotency_key: str) -> Task:
        key = idempotency_key
        if self.last.get(key, "not connected") not in AGAIN:
            self.doubled.append(key)
        self.posts[key] += 1
        self.last[key] = self.post
        takes, trouble = POSTS[self.post]
        if takes:
            self.taken[key] = self._begin(str(payload["model"]))
        if trouble is not None:
            raise trouble
        return Task.model_validate(self.tasks[self.taken[key]][-1])

    async def read(self, task_id: str) -> Task:
        if self.trouble:
            raise self.trouble
        if task_id not in self.tasks:
            raise NotFoundError("no such task", 404)
        told = self.tasks[task_id]
        return Task.model_validate(told[max(0, len(told) - 1 - self.age)])

    async def tasks_page(self, page: int) -> list[TaskSummary]:
        if self.trouble:
            raise self.trouble
        newest = list(reversed(self.tasks.values()))[50 * (page - 1) : 50 * page]
        return [
            TaskSummary(id=t["id"], status=t["status"], model=t["model"], created_at=t["created"])
            for t in (told[-1] for told in newest)
        ]

    def says(self, task_id: str, **fields: object) -> None:
        """News of a task that is still being worked on."""
        if task_id not in self.charges:
            self.tasks[task_id].append(self.tasks[task_id][-1] | fields)

    def ends(self, task_id: str, status: str, bill: str, amount: Decimal) -> None:
        """The task ends, and its charge is final from here on, in one of the ways it is told."""
        if task_id in self.charges:
            return
        reserved = self.tasks[task_id][-1]["usage"]["credits_reserved"]
        told, charged = BILLS[bill](amount, reserved)
        done = status == "completed"
        self.charges[task_id] = charged if charged is not None else (reserved if done else ZERO)
        results = [f"https://films.example/{task_id}.mp4"] if done else []
        usage = self.tasks[task_id][-1]["usage"] | told.get("usage", {})
        last = self.tasks[task_id][-1] | told | {"usage": usage}
        self.tasks[task_id].append(last | {"status": status, "results": results})

    def _begin(self, model: str) -> str:
        task_id = f"{self.name}-{next(self.numbers):06d}"
        usage = {"credits_reserved": self.reserves, "billing_rule": "per_call"}
        document = {"id": task_id, "model": model, "status": "pending", "progress": 0}
        document |= {"created": int(self.clock().timestamp()), "usage": usage}
        self.tasks[task_id] = [document]
        return task_id


class Line:
    """The client as a worker holds it: `tasks` is a call there, and a record at the far end."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.create, self.read = truth.create, truth.read

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def tasks(self, page: int = 1, page_size: int = 50) -> list[TaskSummary]:
        return await self.truth.tasks_page(page)


def left_of(charged: Decimal, back: Decimal, reserved: Decimal) -> Decimal:
    """A charge is named before its refund; by what is left where both make up the reservation."""
    left = charged if charged + back == reserved else charged - back
    return left.quantize(Decimal("0.0001"))


Bill = Callable[[Decimal, Decimal], tuple[dict[str, Any], Decimal | None]]
# How a bill is told, and what it comes to; None: nothing sensible is said.
BILLS: dict[str, Bill] = {
    "not told": lambda amount, reserved: ({}, None),
    "used": lambda amount, reserved: ({"usage": {"credits_used": amount}}, amount),
    "billed": lambda amount, reserved: ({"billing": {"charged_credits": amount}}, amount),
    "refunded in part": lambda amount, reserved: (
        {"billing": {"charged_credits": amount, "refunded_credits": amount / 2}},
        left_of(amount, amount / 2, reserved),
    ),
    "refunded": lambda amount, reserved: (
        {"billing": {"charged_credits": amount, "refunded_credits": amount}},
        left_of(amount, amount, reserved),
    ),
    "nonsense": lambda amount, reserved: ({"usage": {"credits_used": "a lot"}}, None),
    "below nothing": lambda amount, reserved: ({"billing": {"charged_credits": -5}}, None),
}
