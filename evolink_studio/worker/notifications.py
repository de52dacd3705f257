"""Sending alerts to the admins: by mail, by webhook, always into the log."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import httpx
import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.mail import send_mail
from django.utils import translation

from evolink_studio.credits.services import take_reached
from evolink_studio.generations.incidents import BY_NAME, Needy, new_alerts


def message(alerts: Sequence[Needy], *, address: str) -> tuple[str, str]:
    """Subject and body of one mail for all of them, in English."""
    with translation.override("en"):
        lines = [
            f"- {item.reason.label}: generation {item.generation.pk} ({item.generation.model_id}) "
            f"of {item.generation.owner}"
            for item in alerts
        ]
        reasons = {item.reason.name for item in alerts}
        advice = [f"{BY_NAME[name].label}: {BY_NAME[name].advice}" for name in sorted(reasons)]
    subject = f"EvoLink Studio: {len(alerts)} to look at"
    where = f"{address}/admin/generations/generation/" if address else "the admin pages"
    return subject, "\n".join([*lines, "", *advice, "", f"See {where}."])


log = structlog.get_logger(__name__)


async def tell_admins(*, now: datetime) -> int:
    """Tell of everything new. A mail or webhook that fails is logged; the list in admin stays."""
    for reached in await sync_to_async(take_reached)(now=now):
        log.warning("allowance", purse=reached.purse.pk, percent=reached.percent)
        await deliver(
            "EvoLink Studio: an allowance", reached.sentence, {"percent": reached.percent}
        )
    alerts = await sync_to_async(new_alerts)(now=now)
    if not alerts:
        return 0
    for item in alerts:
        log.warning("needs a look", generation=item.generation.pk, reason=item.reason.name)
    subject, body = message(alerts, address=settings.PUBLIC_URL)
    await deliver(subject, body, {"generations": [_plain(item) for item in alerts]})
    return len(alerts)


async def deliver(subject: str, body: str, content: Mapping[str, object]) -> None:
    """By mail and by webhook, as far as they are set."""
    if settings.ENV.alert_email:
        await sync_to_async(_mail, thread_sensitive=False)(subject, body)
    if settings.ENV.alert_webhook:
        await _post({"text": subject, **content})


def _plain(item: Needy) -> dict[str, object]:
    return {
        "id": item.generation.pk,
        "reason": item.reason.name,
        "model": item.generation.model_id,
    }


def _mail(subject: str, body: str) -> None:
    try:
        send_mail(subject, body, None, [settings.ENV.alert_email])
    except OSError:
        log.exception("alert mail failed")


async def _post(content: Mapping[str, object]) -> None:
    try:
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            reply = await client.post(settings.ENV.alert_webhook, json=content)
            reply.raise_for_status()
    except httpx.HTTPError as error:
        log.warning("alert webhook failed", reason=type(error).__name__)
