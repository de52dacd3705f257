"""People who are signed in. Django looks at the wanted world."""

from dataclasses import dataclass

from django.conf import settings
from django.test import Client

from evolink_studio.accounts.models import User
from evolink_studio.generations.services import ensure_feed

CSRF = "b" * 32


@dataclass(frozen=True)
class Person:
    """A person with the cookies of their browser."""

    user: User
    session: str

    @property
    def headers(self) -> dict[str, str]:
        """What htmx sends along."""
        cookies = {settings.SESSION_COOKIE_NAME: self.session, settings.CSRF_COOKIE_NAME: CSRF}
        return {
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "X-CSRFToken": CSRF,
            "HX-Request": "true",
        }

    @property
    def client(self) -> Client:
        """Django's own client, without a server."""
        client = Client(headers={"HX-Request": "true"}, SERVER_NAME="127.0.0.1")
        client.cookies[settings.SESSION_COOKIE_NAME] = self.session
        return client


def people(count: int) -> list[Person]:
    return [_person(f"person{number}") for number in range(count)]


def _person(name: str) -> Person:
    user = User.objects.create(username=name, password="!")
    ensure_feed(owner=user)
    client = Client()
    client.force_login(user)
    return Person(user, client.cookies[settings.SESSION_COOKIE_NAME].value)
