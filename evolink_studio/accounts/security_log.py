"""The log of what happened at the door: sign-ins, refusals, links, passwords, ended sessions.

Each event is a row for the admin pages and a line in the log stream. Neither has a secret: no
password, no token, and no name that nobody has, because people type passwords into that field.
"""

import ipaddress
from collections.abc import Mapping
from datetime import timedelta

import structlog
from allauth.account.adapter import get_adapter
from allauth.core import context
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from evolink_studio.accounts.models import SecurityEvent, SecurityEventKind, User, access_changed

log = structlog.get_logger(__name__)

# Refusals by the throttle are logged once in this time: it must not let a stranger fill the disk.
THROTTLE_LOG_INTERVAL = timedelta(minutes=5)

Kind = SecurityEventKind


def record_event(kind: SecurityEventKind, *, user: User | None) -> None:
    """Log what happened to `user`; None if nobody has the name that was given.

    The request under way says from where, and by whom if somebody else is signed in there; without
    one it was a command of the studio.
    """
    request: HttpRequest | None = context.request
    actor = getattr(request, "user", None)
    event = SecurityEvent(
        created_at=timezone.now(),
        kind=kind,
        user=user,
        username=user.username if user else "",
        actor_name=actor.username if isinstance(actor, User) and actor != user else "",
        ip_address=find_client_address(request) if request else None,
        user_agent=_read_user_agent(request) if request else "",
    )
    event.save(force_insert=True)
    log.info(
        "security event",
        kind=str(kind),
        person=user.pk if user else None,
        name=event.username,
        by=event.actor_name,
        address=event.ip_address,
    )


def find_client_address(request: HttpRequest) -> str | None:
    """The address that the sign-in throttle counts by; None if there is none."""
    try:
        address: str = get_adapter().get_client_ip(request)
        return str(ipaddress.ip_address(address))
    except (PermissionDenied, ImproperlyConfigured, ValueError):
        return None


def _read_user_agent(request: HttpRequest) -> str:
    text = request.META.get("HTTP_USER_AGENT", "")
    return "".join(char for char in text if char.isprintable())[:200]


def find_user_by_login(login: str) -> User | None:
    """The person whom a sign-in with this name or e-mail address means."""
    return User.objects.filter(Q(username__iexact=login) | Q(email__iexact=login)).first()


def record_throttled(*, login: str) -> None:
    """Log that somebody tried too often; once in a while for each person and address."""
    user = find_user_by_login(login) if login else None
    address = find_client_address(context.request) if context.request else None
    key = f"throttled:{user.pk if user else ''}:{address}"
    if cache.add(key, 1, timeout=THROTTLE_LOG_INTERVAL.total_seconds()):
        record_event(Kind.THROTTLED, user=user)


def connect_signals() -> None:
    """Called once at the start: what happens at the door is told by signals."""
    for signal, receiver in (
        (user_logged_in, _on_signed_in),
        (user_logged_out, _on_signed_out),
        (user_login_failed, _on_refused),
        (access_changed, _on_access_changed),
    ):
        signal.connect(receiver, dispatch_uid="security_log")


def _on_signed_in(*, user: User, **_: object) -> None:
    record_event(Kind.SIGNED_IN, user=user)


def _on_signed_out(*, user: User | None, **_: object) -> None:
    if user is not None:
        record_event(Kind.SIGNED_OUT, user=user)


def _on_refused(*, credentials: Mapping[str, object], **_: object) -> None:
    user = find_user_by_login(str(credentials.get("email") or credentials.get("username") or ""))
    if user is None:
        record_event(Kind.UNKNOWN_NAME, user=None)
    else:
        record_event(Kind.WRONG_PASSWORD if user.is_active else Kind.ACCOUNT_OFF, user=user)


def _on_access_changed(*, user: User, kind: SecurityEventKind, **_: object) -> None:
    record_event(kind, user=user)
