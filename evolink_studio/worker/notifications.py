"""Sends alerts to the admins by mail and webhook, and always logs them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import httpx
import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.mail import send_mail
from django.utils import translation

from evolink_studio.credits.services import claim_threshold_alerts
from evolink_studio.generations.incidents import INCIDENT_TYPE_BY_NAME, Incident, claim_new_alerts

log = structlog.get_logger(__name__)


def build_alert_mail(incidents: Sequence[Incident], *, address: str) -> tuple[str, str]:
    """Subject and body of one mail for all incidents, in English. `address`: base URL or ""."""
    with translation.override("en"):
        lines = [
            f"- {incident.type.label}: generation {incident.generation.pk} "
            f"({incident.generation.model_id}) of {incident.generation.owner}"
            for incident in incidents
        ]
        type_names = {incident.type.name for incident in incidents}
        advice = [
            f"{INCIDENT_TYPE_BY_NAME[name].label}: {INCIDENT_TYPE_BY_NAME[name].advice}"
            for name in sorted(type_names)
        ]
    subject = f"EvoLink Studio: {len(incidents)} to look at"
    list_url = f"{address}/admin/generations/generation/" if address else "the admin pages"
    return subject, "\n".join([*lines, "", *advice, "", f"See {list_url}."])


async def notify_admins(*, now: datetime) -> int:
    """Announce new alerts; returns the number of incidents. A failed mail or webhook is logged."""
    for alert in await sync_to_async(claim_threshold_alerts)(now=now):
        log.warning("allowance threshold reached", balance=alert.balance.pk, percent=alert.percent)
        await send_notification(
            "EvoLink Studio: an allowance", alert.text, {"percent": alert.percent}
        )
    incidents = await sync_to_async(claim_new_alerts)(now=now)
    if not incidents:
        return 0
    for incident in incidents:
        log.warning(
            "incident announced", generation=incident.generation.pk, reason=incident.type.name
        )
    subject, body = build_alert_mail(incidents, address=settings.PUBLIC_URL)
    await send_notification(
        subject, body, {"generations": [_serialize_incident(incident) for incident in incidents]}
    )
    return len(incidents)


async def send_notification(subject: str, body: str, payload: Mapping[str, object]) -> None:
    """Send it by mail and by webhook, as far as they are configured."""
    if settings.ENV.alert_email:
        await sync_to_async(_send_mail, thread_sensitive=False)(subject, body)
    if settings.ENV.alert_webhook:
        await _post_webhook({"text": subject, **payload})


def _serialize_incident(incident: Incident) -> dict[str, object]:
    return {
        "id": incident.generation.pk,
        "reason": incident.type.name,
        "model": incident.generation.model_id,
    }


def _send_mail(subject: str, body: str) -> None:
    try:
        send_mail(subject, body, None, [settings.ENV.alert_email])
    except OSError:
        log.exception("alert mail failed")


async def _post_webhook(payload: Mapping[str, object]) -> None:
    try:
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            response = await client.post(settings.ENV.alert_webhook, json=payload)
            response.raise_for_status()
    except httpx.HTTPError as error:
        log.warning("alert webhook failed", reason=type(error).__name__)
