"""What is told, as a mail and as a webhook. Links lead here; of a film only its title is in it.

A webhook is signed as Standard Webhooks 1.0 says (standardwebhooks.com, 2026-11): HMAC-SHA256 over
id, time and body.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.urls import reverse
from django.utils import translation
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evolink_studio.generations.models import Generation
from evolink_studio.notifications.models import Notification
from evolink_studio.notifications.services import SECRET_PREFIX, LeasedNotifications

Kind = Notification.Kind
MAX_TITLE_CHARACTERS = 80
_EVENT_TYPES = {
    Kind.FINISHED: "generation.finished",
    Kind.FAILED: "generation.failed",
    Kind.ANSWERED: "share.answered",
}


def build_mail(leased: LeasedNotifications, *, address: str) -> tuple[str, str]:
    """Subject and body in the person's language. `address`: the studio's own, or "". One query."""
    generations = _load_generations(leased.notifications)
    with translation.override(leased.settings.owner.language or "en"):
        lines = [_describe(row, generations, address) for row in leased.notifications]
        subject = f"EvoLink Studio: {_summarize(leased.notifications)}"
        footer = _("You chose these mails: {link}").format(
            link=f"{address}{reverse('notifications')}"
        )
    return subject, "\n".join([*lines, "", footer])


def _load_generations(notifications: Sequence[Notification]) -> dict[int, Generation]:
    ids = [row.subject_id for row in notifications if row.kind != Kind.ANSWERED]
    columns = ("owner_id", "model_id", "title", "prompt", "error_code", "state")
    return Generation.objects.only(*columns).in_bulk(ids)


def _summarize(notifications: Sequence[Notification]) -> str:
    """1 film is ready, 2 films failed"""
    kinds = [row.kind for row in notifications]
    finished, failed, answered = (
        kinds.count(kind) for kind in (Kind.FINISHED, Kind.FAILED, Kind.ANSWERED)
    )
    parts = [
        finished and ngettext("{n} film is ready", "{n} films are ready", finished),
        failed and ngettext("{n} film failed", "{n} films failed", failed),
        answered and ngettext("{n} answer to a share", "{n} answers to shares", answered),
    ]
    counts = (finished, failed, answered)
    return ", ".join(str(part).format(n=n) for part, n in zip(parts, counts, strict=True) if part)


def _describe(row: Notification, generations: Mapping[int, Generation], address: str) -> str:
    """One line of a mail: what happened, and where to look."""
    if row.kind == Kind.ANSWERED:
        text = _("A guest answered to what you shared: {link}")
        return text.format(link=f"{address}{reverse('shares')}")
    link = f"{address}{reverse('film', args=[row.subject_id])}"
    generation = generations.get(row.subject_id)
    title = _get_title(generation) if generation else f"#{row.subject_id}"
    if row.kind == Kind.FINISHED or generation is None:
        return _("“{title}” is ready: {link}").format(title=title, link=link)
    text = _("“{title}” failed. Why, and whether anything was charged: {link}")
    return text.format(title=title, link=link)


def _get_title(generation: Generation) -> str:
    text = generation.title or generation.prompt or f"#{generation.pk}"
    return Truncator(" ".join(text.split())).chars(MAX_TITLE_CHARACTERS)


def build_webhook(
    leased: LeasedNotifications, *, address: str, now: datetime
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of the webhook of the one leased notification. One query."""
    (row,) = leased.notifications
    generation = _load_generations([row]).get(row.subject_id)
    is_share = row.kind == Kind.ANSWERED
    path = reverse("shares") if is_share else reverse("film", args=[row.subject_id])
    data: dict[str, object] = {"id": row.subject_id, "url": f"{address}{path}"}
    if generation is not None:
        data |= {
            "model": generation.model_id,
            "state": generation.state,
            "title": _get_title(generation),
            "error_code": generation.error_code or None,
        }
    body = json.dumps(
        {
            "type": _EVENT_TYPES[Kind(row.kind)],
            "timestamp": row.created_at.isoformat(),
            "data": data,
        }
    ).encode()
    event_id, timestamp = str(row.event_id), str(int(now.timestamp()))
    return body, {
        "Content-Type": "application/json",
        "User-Agent": "EvoLinkStudio",
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(leased.settings.webhook_secret, event_id, timestamp, body),
    }


def sign(secret: str, event_id: str, timestamp: str, body: bytes) -> str:
    """The signature of a webhook: "v1," and base64."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    content = b".".join((event_id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
