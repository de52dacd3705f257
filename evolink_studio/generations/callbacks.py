"""What a callback says, in two words, and whether to listen. Nothing of it is believed."""

import json

from evolink_studio.evolink.wire import is_task_id
from evolink_studio.generations.models import Delivery, Generation

LARGEST = 64 * 1024  # bytes; a larger body is not even read
MOST_HEARD = 20  # callbacks of one address


def heard(body: bytes) -> tuple[str, str]:
    """(status, task id) as the body names them; "" for what it does not say properly."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(said, dict):
        return "", ""
    status, task_id = said.get("status"), said.get("id")
    return (
        status if isinstance(status, str) and status.isidentifier() else "",
        task_id if isinstance(task_id, str) and is_task_id(task_id) else "",
    )


def why_refused(generation: Generation, *, came: int, size: int, task_id: str) -> str:
    """Why this callback is not listened to; "" when it is. `came`: how many came before it."""
    other = task_id and generation.task_id and task_id != generation.task_id
    reasons = (
        (came >= MOST_HEARD, Delivery.Refused.TOO_MANY),
        (size > LARGEST, Delivery.Refused.TOO_LARGE),
        (other, Delivery.Refused.OTHER_TASK),
    )
    return next((reason.value for fits, reason in reasons if fits), "")
