"""Tells people what they asked to be told: one mail or webhook after the other."""

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.mail import send_mail

from evolink_studio.evolink.errors import EvoLinkError
from evolink_studio.evolink.public_requests import post_to_public_url
from evolink_studio.evolink.url_safety import Resolver, resolve_host
from evolink_studio.generations.pipeline.provider import Clock
from evolink_studio.notifications.delivery import build_mail, build_webhook
from evolink_studio.notifications.models import Notification
from evolink_studio.notifications.services import (
    LeasedNotifications,
    finish,
    lease_next,
    retry_later,
)

log = structlog.get_logger(__name__)

WEBHOOK_DEADLINE_SECONDS = 10.0


async def deliver_next(*, clock: Clock, resolver: Resolver = resolve_host) -> bool:
    """Tell what waits longest. Returns whether there was something."""
    leased = await sync_to_async(lease_next)(now=clock())
    if leased is None:
        return False
    if leased.channel == Notification.Channel.MAIL:
        failure = await sync_to_async(_send_mail, thread_sensitive=False)(leased)
    else:
        failure = await _post_webhook(leased, clock, resolver)
    if failure:
        log.info("notification not delivered", channel=leased.channel, reason=failure)
        await sync_to_async(retry_later)(leased, failure=failure, now=clock())
    else:
        await sync_to_async(finish)(leased, now=clock())
    return True


def _send_mail(leased: LeasedNotifications) -> str:
    """Why it was not sent; "" if it was."""
    subject, body = build_mail(leased, address=settings.PUBLIC_URL)
    try:
        send_mail(subject, body, None, [leased.settings.owner.email])
    except OSError as error:
        return type(error).__name__
    return ""


async def _post_webhook(leased: LeasedNotifications, clock: Clock, resolver: Resolver) -> str:
    """Why it did not arrive; "" if it did."""
    body, headers = await sync_to_async(build_webhook)(
        leased, address=settings.PUBLIC_URL, now=clock()
    )
    try:
        await post_to_public_url(
            leased.settings.webhook_url,
            body,
            headers=headers,
            deadline=WEBHOOK_DEADLINE_SECONDS,
            resolver=resolver,
        )
    except EvoLinkError as error:
        return str(error)
    return ""
