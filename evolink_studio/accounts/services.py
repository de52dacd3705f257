"""All writes to users and sign-in links."""

import hashlib
import os
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction

from evolink_studio.accounts.models import SignInLink, User

SIGN_IN_LINK_LIFETIME = timedelta(hours=24)
DEFAULT_OWNER_USERNAME = "owner"


def _hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def create_owner_from_environment(*, environ: Mapping[str, str] = os.environ) -> User | None:
    """Create the owner from the variables `DJANGO_SUPERUSER_*` at the first start.

    Returns the new owner, or None when a person exists already or the variables are not given.
    """
    username = environ.get("DJANGO_SUPERUSER_USERNAME", "")
    password = environ.get("DJANGO_SUPERUSER_PASSWORD", "")
    if not username or not password or User.objects.exists():
        return None
    email = environ.get("DJANGO_SUPERUSER_EMAIL", "")
    return User.objects.create_superuser(username, email, password)


def create_first_owner_link(*, now: datetime) -> str | None:
    """Make a one-time token for the first owner, creating the account when nobody exists yet.

    Returns None as soon as any person has a password and can sign in with it.
    Deletes earlier unused tokens, so that only the newest printed link works.
    """
    with transaction.atomic():
        if any(user.has_usable_password() for user in User.objects.all()[:50]):
            return None
        owner = User.objects.filter(is_superuser=True).first()
        if owner is None:
            owner = User.objects.create_superuser(DEFAULT_OWNER_USERNAME, "", None)
        SignInLink.objects.filter(user=owner, used_at=None).delete()
        return create_sign_in_link(user=owner, now=now)


def create_sign_in_link(*, user: User, now: datetime) -> str:
    """Make a one-time token that signs `user` in; valid for 24 hours. Returns the token."""
    token = secrets.token_urlsafe(32)
    SignInLink.objects.create(
        user=user,
        token_hash=_hash_token(token),
        created_at=now,
        expires_at=now + SIGN_IN_LINK_LIFETIME,
    )
    return token


def redeem_sign_in_link(*, token: str, now: datetime) -> User | None:
    """Use up a token. Returns its user; None if unknown, used, expired or the user is inactive."""
    link = SignInLink.objects.filter(token_hash=_hash_token(token)).select_related("user").first()
    if link is None or not link.user.is_active:
        return None
    is_redeemed = SignInLink.objects.filter(pk=link.pk, used_at=None, expires_at__gt=now).update(
        used_at=now
    )
    return link.user if is_redeemed else None


def set_preferences(*, user: User, language: str, theme: str) -> None:
    """Save a person's language and theme. The form has checked the values."""
    User.objects.filter(pk=user.pk).update(language=language, theme=theme)
