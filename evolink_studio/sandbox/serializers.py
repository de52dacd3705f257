"""Tasks as JSON (EvoLink documentation, stated 2026-11-20).

Including undocumented fields that public clients have seen: `usage.credits_used`, `billing`.
"""

from decimal import Decimal
from typing import Any

from evolink_studio.sandbox.ledger import to_credits
from evolink_studio.sandbox.model_specs import MODEL_SPECS
from evolink_studio.sandbox.pricing import RATES
from evolink_studio.sandbox.task_repository import TaskRow

# The progress in percent until the film is finished.
MAX_UNFINISHED_PROGRESS = 95
PROGRESS_DROP = 30


def to_json_number(amount: Decimal) -> int | float:
    """Credits as a JSON number; a float is exact enough for their four decimals."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def serialize_created(task: TaskRow) -> dict[str, Any]:
    """The answer to an accepted POST."""
    task_info: dict[str, Any] = {"can_cancel": True, "estimated_time": task.estimated_seconds}
    if MODEL_SPECS[task.model].has_video_duration:
        task_info["video_duration"] = task.video_seconds
    return {**_serialize_head(task), "progress": 0, "status": "pending", "task_info": task_info} | {
        "usage": _serialize_usage(task)
    }


def serialize_task(task: TaskRow, now: float) -> dict[str, Any]:
    """The answer to a read, and the body of a callback."""
    payload = _serialize_head(task) | {
        "progress": calculate_progress(task, now),
        "status": get_status(task, now),
        "task_info": {"can_cancel": task.outcome is None},
        "usage": _serialize_usage(task),
        "billing": _serialize_billing(task),
    }
    if task.outcome == "completed":
        urls = build_result_urls(task)
        if task.behaviour.has_other_words:
            payload |= {"status": "SUCCEEDED", "result_data": [{"url": url} for url in urls]}
        else:
            payload["results"] = urls
    elif task.outcome is not None:
        payload["error"] = {
            "code": task.error_code,
            "message": task.error_message,
            "type": "task_error",
        }
    elif task.behaviour.is_unclear:
        payload |= {
            "status": "stuck_upstream",
            "error": {"code": "E_LIMBO", "message": "The upstream does not know.", "type": "?"},
        }
    elif task.behaviour.has_undocumented_fields and get_status(task, now) != "pending":
        payload |= {"progress": None, "moderation": {"stage": 2, "labels": []}, "queue": "b-17"}
    return payload


def serialize_list_item(task: TaskRow, now: float) -> dict[str, Any]:
    """A task in the list of tasks."""
    return {
        "id": task.id,
        "status": get_status(task, now),
        "model": MODEL_SPECS[task.model].public_name,
        "progress": calculate_progress(task, now),
        "created_at": int(task.created_at),
        "credits_used": to_json_number(to_credits(task.charged_units)),
    }


def get_status(task: TaskRow, now: float) -> str:
    if task.outcome is not None:
        return task.outcome
    if now < task.starts_at:
        return "pending"
    return "moderating" if task.behaviour.has_undocumented_fields else "processing"


def calculate_progress(task: TaskRow, now: float) -> int:
    """Percent by elapsed time, at most MAX_UNFINISHED_PROGRESS before the task ends."""
    if task.outcome is not None:
        return 100 if task.outcome == "completed" else 0
    if now < task.starts_at:
        return 0
    share = min(1.0, (now - task.created_at) / max(task.progress_seconds, 0.001))
    progress = int(MAX_UNFINISHED_PROGRESS * share)
    if task.behaviour.has_progress_drop and share > 0.5:
        progress -= PROGRESS_DROP
    return max(1, progress)


def build_result_urls(task: TaskRow) -> list[str]:
    suffixes = [".mp4", *(f"-{n}.mp4" for n in range(2, task.behaviour.link_count + 1))]
    base = f"{task.base_url}/media/{task.token}/{task.id}"
    return [f"{base}{suffix}" for suffix in suffixes[: task.behaviour.link_count]]


def _serialize_head(task: TaskRow) -> dict[str, Any]:
    return {
        "created": int(task.created_at),
        "id": task.id,
        "model": MODEL_SPECS[task.model].public_name,
        "object": "video.generation.task",
        "type": "video",
    }


def _serialize_usage(task: TaskRow) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "billing_rule": RATES[task.model].billing_rule,
        "credits_reserved": to_json_number(to_credits(task.reserved_units)),
        "user_group": "default",
    }
    if task.outcome is not None:
        usage["credits_used"] = to_json_number(to_credits(task.charged_units))
    return usage


def _serialize_billing(task: TaskRow) -> dict[str, Any]:
    refunded_units = max(0, task.reserved_units - task.charged_units) if task.outcome else 0
    charge_status = (
        "reserved" if task.outcome is None else "charged" if task.charged_units else "none"
    )
    return {
        "charge_status": charge_status,
        "refund_status": "refunded" if refunded_units else "none",
        "reserved_credits": to_json_number(to_credits(task.reserved_units)),
        "charged_credits": to_json_number(to_credits(task.charged_units)),
        "refunded_credits": to_json_number(to_credits(refunded_units)),
    }
