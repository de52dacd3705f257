"""The endpoint for callbacks of EvoLink. Nothing a callback says is trusted.

`services.record_callback` looks up the secret token of the URL.
"""

import json

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from evolink_studio.core.database import parse_id
from evolink_studio.evolink.types import is_task_id
from evolink_studio.generations import services
from evolink_studio.generations.services import MAX_CALLBACK_BYTES


def parse_callback(body: bytes) -> tuple[str, str]:
    """(status, task id) from the JSON body; "" for what is missing or malformed."""
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
    """A callback of EvoLink: it only makes our own authenticated read due.

    Always 204, so that a caller learns nothing about tokens.
    """
    size = parse_id(request.headers.get("Content-Length") or "0")
    if size is not None:
        status, task_id = parse_callback(request.body) if size <= MAX_CALLBACK_BYTES else ("", "")
        services.record_callback(
            token=token, size_bytes=size, status=status, task_id=task_id, now=timezone.now()
        )
    return HttpResponse(status=204)
