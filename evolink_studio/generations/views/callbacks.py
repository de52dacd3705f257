"""What a callback says, in two words, and whether to listen. Nothing of it is believed."""

import json

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from evolink_studio.core.http import parse_id
from evolink_studio.evolink.types import is_task_id
from evolink_studio.generations import services
from evolink_studio.generations.services import MAX_CALLBACK_BYTES


def parse_callback(body: bytes) -> tuple[str, str]:
    """(status, task id) as the body names them; "" for what it does not say properly."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(payload, dict):
        return "", ""
    status, task_id = payload.get("status"), payload.get("id")
    return (
        status if isinstance(status, str) and status.isidentifier() else "",
        task_id if isinstance(task_id, str) and is_task_id(task_id) else "",
    )


@csrf_exempt
@require_POST
def callback(request: HttpRequest, token: str) -> HttpResponse:
    """EvoLink says a task ended. Whatever it says, it only wakes our own authenticated read.

    The answer is the same for known and unknown tokens, for bodies read and not read.
    """
    size = parse_id(request.headers.get("Content-Length") or "0")  # a chunked body is not read
    if size is not None:
        status, task_id = parse_callback(request.body) if size <= MAX_CALLBACK_BYTES else ("", "")
        services.record_callback(
            token=token, size_bytes=size, status=status, task_id=task_id, now=timezone.now()
        )
    return HttpResponse(status=204)
