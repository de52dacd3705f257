"""The studio's settings for django-allauth: no sign-up, and a throttle by name and address."""

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse

from evolink_studio.accounts.models import User
from evolink_studio.accounts.security_log import record_throttled


class StudioAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """People are invited by the owner: nobody signs up by themselves.

    Failed sign-ins count by name and client IP: counted by name alone, any stranger could lock a
    person out.
    """

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_safe_url(self, url: str) -> bool:
        """False also for a text that is no address at all, such as `http://[`."""
        try:
            return bool(super().is_safe_url(url))
        except ValueError:
            return False

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("home")

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: object) -> str:
        key: str = super()._get_login_attempts_cache_key(request, **credentials)
        return f"{key}:{self.get_client_ip(request)}"

    def pre_authenticate(self, request: HttpRequest, **credentials: object) -> None:
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            login = str(credentials.get("email") or credentials.get("username") or "")
            record_throttled(login=login)
            raise

    def set_password(self, user: User, password: str) -> None:
        """Save the password alone: somebody switched off meanwhile is not switched on by it."""
        user.set_password(password)
        user.save(update_fields=["password"])
