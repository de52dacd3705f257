"""Django's database sessions, stored under the hash of their key, loaded with a fixed statement."""

import hashlib
from functools import lru_cache
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from evolink_studio.accounts.models import User

MAX_READ_SESSIONS = 1024  # of a process, some hundred bytes each
_LOAD_SQL = "SELECT session_data FROM django_session WHERE session_key = %s AND expire_date > %s"


def hash_session_key(session_key: str) -> str:
    """What is stored of a key: 40 hexadecimal digits, as many as the column has.

    Keys are long and random, so that nobody guesses one back from its hash.
    """
    return hashlib.blake2b(session_key.encode(errors="replace"), digest_size=20).hexdigest()


class SessionStore(db.SessionStore):
    """Whoever reads the table, or a copy of it, cannot sign in with what stands there.

    Every request loads a session: compiling the query takes ten times as long as running it.
    """

    def load(self) -> dict[str, Any]:
        """The session's data; {} for an unknown or expired one, which loses its key. One query."""
        now = connection.ops.adapt_datetimefield_value(timezone.now())
        with connection.cursor() as cursor:
            cursor.execute(_LOAD_SQL, [hash_session_key(self.session_key or ""), now])
            row = cursor.fetchone()
        if row is None:
            self._session_key = None
            return {}
        return self.decode(row[0])

    def exists(self, session_key: str) -> bool:
        return super().exists(hash_session_key(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        session = super().create_model_instance(data)
        session.session_key = hash_session_key(session.session_key)
        return session

    def delete(self, session_key: str | None = None) -> None:
        session_key = session_key or self.session_key
        if session_key:
            super().delete(hash_session_key(session_key))

    async def aload(self) -> dict[str, Any]:
        return await sync_to_async(self.load)()

    async def aexists(self, session_key: str) -> bool:
        return await sync_to_async(self.exists)(session_key)

    async def acreate_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        return await sync_to_async(self.create_model_instance)(data)

    async def adelete(self, session_key: str | None = None) -> None:
        await sync_to_async(self.delete)(session_key)


def is_session_of(session_data: str, user: User) -> bool:
    """Whether a stored session lets this person in as it is; no query, and nothing is written.

    The rules are those by which Django finds the user of a request. It says no as well where
    Django renews the session: one from before the secret key was changed.
    """
    secret_keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    user_id, backend, auth_hash = _read_sign_in(session_data, secret_keys)
    return (
        user_id == str(user.pk)
        and backend in settings.AUTHENTICATION_BACKENDS
        and user.is_active
        and constant_time_compare(auth_hash or "", user.get_session_auth_hash())
    )


@lru_cache(maxsize=MAX_READ_SESSIONS)
def _read_sign_in(session_data: str, secret_keys: tuple[str, ...]) -> tuple[Any, Any, Any]:
    """Whose session it says to be, by which backend, and the hash that it is bound to.

    The same data says the same as long as the secret keys, which its signature is checked with, are
    the same. So what a page polls with is read once, and held against the person each time.
    """
    session = SessionStore().decode(session_data)
    return (
        session.get(SESSION_KEY),
        session.get(BACKEND_SESSION_KEY),
        session.get(HASH_SESSION_KEY),
    )


def bind_session_to_stamp(*, request: HttpRequest, user: User, **_: object) -> None:
    """Receiver of Django's `user_logged_in`: the session is good for the stamp as it is stored now.

    A person who was switched off since their password was checked gets no session.
    """
    stored = User.objects.filter(pk=user.pk, is_active=True).only("security_stamp").first()
    if stored is not None:
        user.security_stamp = stored.security_stamp
        request.session[HASH_SESSION_KEY] = user.get_session_auth_hash()
