"""Every write about people."""

import hashlib
import os
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction

from evolink_studio.accounts.models import SignInLink, User

LINK_LIFE = timedelta(hours=24)
OWNER_NAME = "owner"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def owner_from_environment(*, environ: Mapping[str, str] = os.environ) -> User | None:
    """Create the owner from `DJANGO_SUPERUSER_USERNAME`, `_EMAIL`, `_PASSWORD` at the first start.

    Returns the new owner, or None when a person exists already or the variables are not given.
    """
    name = environ.get("DJANGO_SUPERUSER_USERNAME", "")
    password = environ.get("DJANGO_SUPERUSER_PASSWORD", "")
    if not name or not password or User.objects.exists():
        return None
    email = environ.get("DJANGO_SUPERUSER_EMAIL", "")
    return User.objects.create_superuser(name, email, password)


def first_owner_link(*, now: datetime) -> str | None:
    """Make a one-time token for the first owner, creating the account when nobody exists yet.

    Returns None as soon as any person has a password: the studio then has its own door.
    Earlier unused tokens stop working, so that only the newest printed link opens.
    """
    with transaction.atomic():
        if any(user.has_usable_password() for user in User.objects.all()[:50]):
            return None
        owner = User.objects.filter(is_superuser=True).first()
        if owner is None:
            owner = User.objects.create_superuser(OWNER_NAME, "", None)
        SignInLink.objects.filter(user=owner, used=None).delete()
        return sign_in_link(user=owner, now=now)


def sign_in_link(*, user: User, now: datetime) -> str:
    """Make a one-time token that signs `user` in; valid for 24 hours. Returns the token."""
    token = secrets.token_urlsafe(32)
    SignInLink.objects.create(
        user=user, token_hash=_hash(token), created=now, expires=now + LINK_LIFE
    )
    return token


def use_sign_in_link(*, token: str, now: datetime) -> User | None:
    """Take the token, once. Returns its person, or None when it is unknown, used or too old."""
    link = SignInLink.objects.filter(token_hash=_hash(token)).select_related("user").first()
    if link is None or not link.user.is_active:
        return None
    taken = SignInLink.objects.filter(pk=link.pk, used=None, expires__gt=now).update(used=now)
    return link.user if taken else None


def set_preferences(*, user: User, language: str, theme: str) -> None:
    """Keep a person's language and appearance. Values are checked by the form."""
    User.objects.filter(pk=user.pk).update(language=language, theme=theme)
