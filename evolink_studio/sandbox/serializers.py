"""A task as EvoLink words it (EvoLink documentation, stated 2026-11-20).

Also the fields that public clients have seen without a document: `usage.credits_used`, `billing`.
"""

from decimal import Decimal
from typing import Any

from evolink_studio.sandbox.ledger import to_credits
from evolink_studio.sandbox.model_specs import MODELS
from evolink_studio.sandbox.pricing import RATES
from evolink_studio.sandbox.task_repository import Task

# Progress comes this far before the film is there; the rest is the film being there.
ALMOST = 95
FALL = 30


def number(amount: Decimal) -> int | float:
    """A JSON number. Credits have four places at most, which a float shows exactly."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def created_answer(task: Task) -> dict[str, Any]:
    """The answer to an accepted POST."""
    info: dict[str, Any] = {"can_cancel": True, "estimated_time": task.estimate}
    if MODELS[task.model].tells_length:
        info["video_duration"] = task.seconds
    return {**_head(task), "progress": 0, "status": "pending", "task_info": info} | {
        "usage": _usage(task)
    }


def task_answer(task: Task, now: float) -> dict[str, Any]:
    """The answer to a read, and the body of a callback."""
    answer = _head(task) | {
        "progress": progress_of(task, now),
        "status": status_of(task, now),
        "task_info": {"can_cancel": task.outcome is None},
        "usage": _usage(task),
        "billing": _billing(task),
    }
    if task.outcome == "completed":
        answer["results"] = links_of(task)
    elif task.outcome is not None:
        answer["error"] = {
            "code": task.error_code,
            "message": task.error_message,
            "type": "task_error",
        }
    elif task.plot.odd and status_of(task, now) != "pending":
        answer |= {"progress": None, "moderation": {"stage": 2, "labels": []}, "queue": "b-17"}
    return answer


def list_answer(task: Task, now: float) -> dict[str, Any]:
    """A task in the list of tasks."""
    return {
        "id": task.id,
        "status": status_of(task, now),
        "model": MODELS[task.model].shown_name,
        "progress": progress_of(task, now),
        "created_at": int(task.created),
        "credits_used": number(to_credits(task.charged)),
    }


def status_of(task: Task, now: float) -> str:
    if task.outcome is not None:
        return task.outcome
    if now < task.works_at:
        return "pending"
    return "moderating" if task.plot.odd else "processing"


def progress_of(task: Task, now: float) -> int:
    """The share of the announced work that has passed; it waits for a film that is not ready."""
    if task.outcome is not None:
        return 100 if task.outcome == "completed" else 0
    if now < task.works_at:
        return 0
    share = min(1.0, (now - task.created) / max(task.climbs, 0.001))
    progress = int(ALMOST * share)
    if task.plot.falls_back and share > 0.5:
        progress -= FALL
    return max(1, progress)


def links_of(task: Task) -> list[str]:
    endings = [".mp4", *(f"-{n}.mp4" for n in range(2, task.plot.links + 1))]
    return [f"{task.base_url}/media/{task.token}/{task.id}{ending}" for ending in endings]


def _head(task: Task) -> dict[str, Any]:
    return {
        "created": int(task.created),
        "id": task.id,
        "model": MODELS[task.model].shown_name,
        "object": "video.generation.task",
        "type": "video",
    }


def _usage(task: Task) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "billing_rule": RATES[task.model].rule,
        "credits_reserved": number(to_credits(task.reserved)),
        "user_group": "default",
    }
    if task.outcome is not None:
        usage["credits_used"] = number(to_credits(task.charged))
    return usage


def _billing(task: Task) -> dict[str, Any]:
    refunded = max(0, task.reserved - task.charged) if task.outcome else 0
    charge = "reserved" if task.outcome is None else "charged" if task.charged else "none"
    return {
        "charge_status": charge,
        "refund_status": "refunded" if refunded else "none",
        "reserved_credits": number(to_credits(task.reserved)),
        "charged_credits": number(to_credits(task.charged)),
        "refunded_credits": number(to_credits(refunded)),
    }
