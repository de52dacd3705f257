"""All writes to users and sign-in links."""

import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q, QuerySet

from evolink_studio.accounts.models import SecurityEvent, SecurityEventKind, SignInLink, User
from evolink_studio.accounts.security_log import record_event

SIGN_IN_LINK_LIFETIME = timedelta(hours=24)
SECURITY_LOG_LIFETIME = timedelta(days=180)
DEFAULT_OWNER_USERNAME = "owner"


class LastOwnerError(Exception):
    """Without this person nobody could change anything any more."""


def _hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def create_owner_from_environment(*, environ: Mapping[str, str] = os.environ) -> User | None:
    """Create the owner from the variables `DJANGO_SUPERUSER_*` at the first start.

    Returns the new owner, or None when a person exists already or the variables are not given.
    Raises `ValidationError` for a password that nobody could choose on the pages either.
    """
    username = environ.get("DJANGO_SUPERUSER_USERNAME", "")
    password = environ.get("DJANGO_SUPERUSER_PASSWORD", "")
    if not username or not password or User.objects.exists():
        return None
    email = environ.get("DJANGO_SUPERUSER_EMAIL", "")
    validate_password(password, User(username=username, email=email))
    return User.objects.create_superuser(username, email, password)


def create_first_owner_link(*, now: datetime) -> str | None:
    """Make a one-time token for the first owner, creating the account when nobody exists yet.

    Returns None as soon as any person has a password and can sign in with it.
    """
    with transaction.atomic():
        if any(user.has_usable_password() for user in User.objects.all()[:50]):
            return None
        owner = User.objects.filter(is_superuser=True).order_by("-is_active", "pk").first()
        if owner is None:
            owner = User.objects.create_superuser(DEFAULT_OWNER_USERNAME, "", None)
        return create_sign_in_link(user=owner, now=now)


def create_sign_in_link(*, user: User, now: datetime, created_by: User | None = None) -> str:
    """Make a one-time token that signs `user` in; valid for 24 hours. Returns the token.

    Ends the open links of `user`: only the newest one works. `created_by` is None for the link that
    the start of the studio prints.
    """
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        # Whoever makes another link for this person at this moment waits here.
        stored = User.objects.select_for_update().get(pk=user.pk)
        SignInLink.objects.filter(user=user).open(now).update(revoked_at=now)
        SignInLink.objects.create(
            user=user,
            token_hash=_hash_token(token),
            security_stamp=stored.security_stamp,
            created_by=created_by,
            created_at=now,
            expires_at=now + SIGN_IN_LINK_LIFETIME,
        )
        record_event(SecurityEventKind.LINK_MADE, user=user)
    return token


def find_sign_in_link(*, token: str) -> SignInLink | None:
    """The link of this token, open or not."""
    return SignInLink.objects.filter(token_hash=_hash_token(token)).select_related("user").first()


def redeem_sign_in_link(*, token: str, now: datetime) -> User | None:
    """Use up a token. Returns its user; None if the link is unknown or no longer open."""
    with transaction.atomic():
        # Locked together with its person: a link and what ends it do not pass each other by.
        links = SignInLink.objects.select_for_update(of=("self", "user")).select_related("user")
        link = links.filter(token_hash=_hash_token(token)).first()
        if link is None:
            return None
        if not link.is_open(now):
            record_event(SecurityEventKind.LINK_REFUSED, user=link.user)
            return None
        SignInLink.objects.filter(pk=link.pk).update(used_at=now)
        record_event(SecurityEventKind.LINK_USED, user=link.user)
    return link.user


def revoke_sign_in_links(*, links: QuerySet[SignInLink], now: datetime) -> list[SignInLink]:
    """End these links as far as they are open. Returns those that were."""
    with transaction.atomic():
        ids = links.order_by().values_list("pk", flat=True)
        open_links = SignInLink.objects.filter(pk__in=list(ids)).open(now)
        revoked_links = list(open_links.select_related("user").select_for_update(of=("self",)))
        SignInLink.objects.filter(pk__in=[link.pk for link in revoked_links]).update(revoked_at=now)
        for link in revoked_links:
            record_event(SecurityEventKind.LINK_REVOKED, user=link.user)
    return revoked_links


def end_sessions(*, user: User) -> None:
    """Sign `user` out everywhere, for good; their open sign-in links end as well."""
    user.renew_security_stamp()
    user.save(update_fields=["security_stamp"])
    record_event(SecurityEventKind.SESSIONS_ENDED, user=user)


def lock_people(*, actor: User, users: Iterable[User]) -> bool:
    """Lock whom `actor` is about to change. Returns whether `actor` still may.

    Until the end of the transaction nobody takes the rights of `actor` away, or the other way
    round. The owners are locked as well, all in one order, so that two who change each other wait
    and do not stop each other.
    """
    ids = {actor.pk, *(user.pk for user in users)}
    people = User.objects.filter(Q(pk__in=ids) | Q(is_superuser=True)).select_for_update()
    stored = {user.pk: user for user in people.order_by("pk")}.get(actor.pk)
    if stored is None or not (stored.is_active and stored.is_staff):
        return False
    return stored.is_superuser or not actor.is_superuser


def require_other_owner(users: Iterable[User]) -> None:
    """Raise `LastOwnerError` if no active owner would be left without `users`.

    Call it in the transaction that takes something from them: until its end no other transaction
    takes anything from an owner, so that two owners cannot do it to each other.
    """
    with transaction.atomic():
        # The same rows in the same order as in `lock_people`.
        people = User.objects.filter(is_superuser=True).select_for_update().order_by("pk")
        owner_ids = {user.pk for user in people if user.is_active_owner}
    if owner_ids and owner_ids <= {user.pk for user in users}:
        raise LastOwnerError


def delete_expired(*, now: datetime) -> None:
    """Delete what is over: sessions, security events and sign-in links past their lifetime."""
    oldest = now - SECURITY_LOG_LIFETIME
    Session.objects.filter(expire_date__lt=now).delete()
    SecurityEvent.objects.filter(created_at__lt=oldest).delete()
    SignInLink.objects.filter(created_at__lt=oldest).delete()


def set_preferences(*, user: User, language: str, theme: str) -> None:
    """Save a person's language and theme. The form has checked the values."""
    User.objects.filter(pk=user.pk).update(language=language, theme=theme)
