"""The log of what happened at the door: sign-ins, refusals, links, passwords, ended sessions.

Each event is a row for the admin pages and a line in the log stream. Neither has a secret: no
password, no token, and no name that nobody has, because people type passwords into that field.
"""

import ipaddress
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from allauth.account.adapter import get_adapter
from allauth.account.signals import password_changed, password_set
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from evolink_studio.accounts.models import SecurityEvent, User

log = structlog.get_logger(__name__)

RETENTION = timedelta(days=180)
# Refusals by the throttle are logged once in this time: it must not let a stranger fill the disk.
THROTTLE_LOG_INTERVAL = timedelta(minutes=5)

Kind = SecurityEvent.Kind


def record_event(
    kind: SecurityEvent.Kind, *, user: User | None, request: HttpRequest | None = None
) -> None:
    """Log what happened to `user`; None if nobody has the name that was given.

    `request` says from where, and by whom if somebody else is signed in there; None: by the studio.
    """
    actor = getattr(request, "user", None)
    is_other = isinstance(actor, User) and actor != user
    event = SecurityEvent(
        created_at=timezone.now(),
        kind=kind,
        user=user,
        username=user.username if user else "",
        actor_name=actor.username if is_other and isinstance(actor, User) else "",
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
    except (PermissionDenied, ValueError):
        return None


def _read_user_agent(request: HttpRequest) -> str:
    text = request.META.get("HTTP_USER_AGENT", "")
    return "".join(char for char in text if char.isprintable())[:200]


def find_user_by_login(login: str) -> User | None:
    """The person whom a sign-in with this name or e-mail address means."""
    return User.objects.filter(Q(username__iexact=login) | Q(email__iexact=login)).first()


def record_throttled(*, login: str, request: HttpRequest) -> None:
    """Log that somebody tried too often; once in `THROTTLE_LOG_INTERVAL` for a person and address."""
    user = find_user_by_login(login) if login else None
    key = f"throttled:{user.pk if user else ''}:{find_client_address(request)}"
    if cache.add(key, 1, timeout=THROTTLE_LOG_INTERVAL.total_seconds()):
        record_event(Kind.THROTTLED, user=user, request=request)


def delete_old_events(*, now: datetime) -> int:
    """Forget events older than `RETENTION`. Returns how many."""
    count, _ = SecurityEvent.objects.filter(created_at__lt=now - RETENTION).delete()
    return count


def connect_signals() -> None:
    """Called once at the start: Django and allauth tell of sign-ins and passwords by signals."""
    user_logged_in.connect(_on_signed_in, dispatch_uid="security_log")
    user_logged_out.connect(_on_signed_out, dispatch_uid="security_log")
    user_login_failed.connect(_on_refused, dispatch_uid="security_log")
    password_changed.connect(_on_password_changed, dispatch_uid="security_log")
    password_set.connect(_on_password_changed, dispatch_uid="security_log")


def _on_signed_in(*, request: HttpRequest, user: User, **_: Any) -> None:
    # For Django the browser belongs to this person from now on.
    record_event(Kind.SIGNED_IN, user=user, request=request)


def _on_signed_out(*, request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is not None:
        record_event(Kind.SIGNED_OUT, user=user, request=request)


def _on_refused(
    *, credentials: Mapping[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    user = find_user_by_login(str(credentials.get("email") or credentials.get("username") or ""))
    if user is None:
        record_event(Kind.UNKNOWN_NAME, user=None, request=request)
    else:
        kind = Kind.WRONG_PASSWORD if user.is_active else Kind.ACCOUNT_OFF
        record_event(kind, user=user, request=request)


def _on_password_changed(*, request: HttpRequest, user: User, **_: Any) -> None:
    record_event(Kind.PASSWORD_CHANGED, user=user, request=request)
