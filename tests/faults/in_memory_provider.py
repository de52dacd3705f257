"""A provider in memory that records what it accepted, from whom, and what it charges for it.

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


class WorkerKilled(Exception):
    """The worker is gone at this very moment; nothing after it is ever run."""


# What a POST may meet: was it taken, and what does its sender learn?
POST_OUTCOMES: dict[str, tuple[bool, Exception | None]] = {
    "accepted": (True, None),
    "answer cut": (True, OutcomeUnknown("cut")),
    "killed after": (True, WorkerKilled()),
    "lost on the way": (False, OutcomeUnknown("reset")),
    "503": (False, OutcomeUnknown("busy", 503)),
    "killed before": (False, WorkerKilled()),
    "refused": (False, RequestRejected("no", 400, "invalid_parameter")),
    "asked to wait": (False, RateLimitError("later", 429, retry_after=30)),
    "not connected": (False, RequestNotSent("no route")),
}
RETRYABLE_OUTCOMES = {
    "asked to wait",
    "not connected",
}  # nothing was taken for sure: may be sent again


class InMemoryProvider:
    """What EvoLink knows. `task_versions` holds every state of each task, oldest first."""

    def __init__(self, clock: Callable[[], datetime], task_prefix: str = "task") -> None:
        self.clock, self.task_prefix = clock, task_prefix
        self.task_numbers = itertools.count(1)
        self.task_versions: dict[str, list[dict[str, Any]]] = {}
        self.task_ids_by_key: dict[str, str] = {}  # task id by idempotency key
        self.charged_by_task: dict[str, Decimal] = {}  # by task id, once it has ended
        self.post_counts: Counter[str] = Counter()
        self.last_outcomes: dict[str, str] = {}  # how the last POST of a key went
        self.repeated_keys: list[str] = []  # POSTs that must not have come
        self.next_outcome, self.next_reservation = "accepted", Decimal("25.7")
        self.read_error: Exception | None = None  # of reads and searches
        self.read_lag = 0  # how many versions behind a read is

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def create_video(self, payload: Mapping[str, object], *, idempotency_key: str) -> Task:
        key = idempotency_key
        if self.last_outcomes.get(key, "not connected") not in RETRYABLE_OUTCOMES:
            self.repeated_keys.append(key)
        self.post_counts[key] += 1
        self.last_outcomes[key] = self.next_outcome
        is_accepted, error = POST_OUTCOMES[self.next_outcome]
        if is_accepted:
            self.task_ids_by_key[key] = self._start_task(str(payload["model"]))
        if error is not None:
            raise error
        return Task.model_validate(self.task_versions[self.task_ids_by_key[key]][-1])

    async def get_task(self, task_id: str) -> Task:
        if self.read_error:
            raise self.read_error
        if task_id not in self.task_versions:
            raise NotFoundError("no such task", 404)
        versions = self.task_versions[task_id]
        return Task.model_validate(versions[max(0, len(versions) - 1 - self.read_lag)])

    async def list_page(self, page: int) -> list[TaskSummary]:
        if self.read_error:
            raise self.read_error
        tasks = list(reversed(self.task_versions.values()))[50 * (page - 1) : 50 * page]
        return [
            TaskSummary(id=t["id"], status=t["status"], model=t["model"], created_at=t["created"])
            for t in (versions[-1] for versions in tasks)
        ]

    def update_task(self, task_id: str, **fields: object) -> None:
        """News of a task that is still being worked on."""
        if task_id not in self.charged_by_task:
            self.task_versions[task_id].append(self.task_versions[task_id][-1] | fields)

    def end_task(self, task_id: str, status: str, bill: str, amount: Decimal) -> None:
        """The task ends and its charge is final, billed in one of the ways of `BILL_BUILDERS`."""
        if task_id in self.charged_by_task:
            return
        reserved = self.task_versions[task_id][-1]["usage"]["credits_reserved"]
        bill_fields, charged = BILL_BUILDERS[bill](amount, reserved)
        is_completed = status == "completed"
        self.charged_by_task[task_id] = (
            charged if charged is not None else (reserved if is_completed else ZERO)
        )
        results = [f"https://films.example/{task_id}.mp4"] if is_completed else []
        usage = self.task_versions[task_id][-1]["usage"] | bill_fields.get("usage", {})
        last_version = self.task_versions[task_id][-1] | bill_fields | {"usage": usage}
        self.task_versions[task_id].append(last_version | {"status": status, "results": results})

    def _start_task(self, model: str) -> str:
        task_id = f"{self.task_prefix}-{next(self.task_numbers):06d}"
        usage = {"credits_reserved": self.next_reservation, "billing_rule": "per_call"}
        document = {"id": task_id, "model": model, "status": "pending", "progress": 0}
        document |= {"created": int(self.clock().timestamp()), "usage": usage}
        self.task_versions[task_id] = [document]
        return task_id


class InMemoryClient:
    """The client as a worker uses it, over an `InMemoryProvider`."""

    def __init__(self, provider: InMemoryProvider) -> None:
        self.provider = provider
        self.create_video, self.get_task = provider.create_video, provider.get_task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def list_tasks(self, page: int = 1, page_size: int = 50) -> list[TaskSummary]:
        return await self.provider.list_page(page)


def remaining_charge(charged: Decimal, refunded: Decimal, reserved: Decimal) -> Decimal:
    """A charge is named before its refund; by what is left where both make up the reservation."""
    amount = charged if charged + refunded == reserved else charged - refunded
    return amount.quantize(Decimal("0.0001"))


BillBuilder = Callable[[Decimal, Decimal], tuple[dict[str, Any], Decimal | None]]
# How a bill is written, and its amount; None: nothing usable is said.
BILL_BUILDERS: dict[str, BillBuilder] = {
    "not told": lambda amount, reserved: ({}, None),
    "used": lambda amount, reserved: ({"usage": {"credits_used": amount}}, amount),
    "billed": lambda amount, reserved: ({"billing": {"charged_credits": amount}}, amount),
    "refunded in part": lambda amount, reserved: (
        {"billing": {"charged_credits": amount, "refunded_credits": amount / 2}},
        remaining_charge(amount, amount / 2, reserved),
    ),
    "refunded": lambda amount, reserved: (
        {"billing": {"charged_credits": amount, "refunded_credits": amount}},
        remaining_charge(amount, amount, reserved),
    ),
    "nonsense": lambda amount, reserved: ({"usage": {"credits_used": "a lot"}}, None),
    "below nothing": lambda amount, reserved: ({"billing": {"charged_credits": -5}}, None),
}
