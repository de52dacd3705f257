"""People who are signed in. Django uses the wanted instance."""

from dataclasses import dataclass

from django.conf import settings
from django.test import Client

from evolink_studio.accounts.models import User
from evolink_studio.generations.services import ensure_feed

CSRF_TOKEN = "b" * 32


@dataclass(frozen=True)
class SignedInUser:
    """A person with the cookies of their browser."""

    user: User
    session_key: str

    @property
    def headers(self) -> dict[str, str]:
        """What htmx sends along."""
        cookies = {
            settings.SESSION_COOKIE_NAME: self.session_key,
            settings.CSRF_COOKIE_NAME: CSRF_TOKEN,
        }
        return {
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "X-CSRFToken": CSRF_TOKEN,
            "HX-Request": "true",
        }

    @property
    def client(self) -> Client:
        """Django's own client, without a server."""
        client = Client(headers={"HX-Request": "true"}, SERVER_NAME="127.0.0.1")
        client.cookies[settings.SESSION_COOKIE_NAME] = self.session_key
        return client


def create_signed_in_users(count: int) -> list[SignedInUser]:
    return [_create_signed_in_user(f"person{number}") for number in range(count)]


def _create_signed_in_user(name: str) -> SignedInUser:
    user = User.objects.create(username=name, password="!")
    ensure_feed(owner=user)
    client = Client()
    client.force_login(user)
    return SignedInUser(user, client.cookies[settings.SESSION_COOKIE_NAME].value)
