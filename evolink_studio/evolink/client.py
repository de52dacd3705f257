"""The client: one function that spends money, and the rest that only looks.

Paths and fields: EvoLink documentation, stated 2026-11-20.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr

from evolink_studio.evolink import responses
from evolink_studio.evolink.errors import KeyRefused, NotFound, NotSent, Unavailable, Unclear
from evolink_studio.evolink.redaction import scrub
from evolink_studio.evolink.timestamps import utc_now
from evolink_studio.evolink.transport import Lanes, Reply, exchange, fresh_client
from evolink_studio.evolink.types import Balance, RemoteFile, Task, TaskSummary, is_task_id

_KEY = re.compile(r"[\x21-\x7e]+")
_IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9._-]{16,96}")


@dataclass(frozen=True)
class Deadlines:
    """Seconds that a whole exchange may take, connecting included."""

    create: float = 60.0
    read: float = 20.0
    upload: float = 120.0


_DEADLINES = Deadlines()


class EvoLink:
    """EvoLink over HTTP, for one account key. Use as `async with EvoLink(…) as evolink:`.

    `api_url` and `files_url` without a path; `user_agent` names the product honestly (EvoLink
    answers 403 to the names of libraries). At most `lanes` connections carry the reads.
    Raises only what `errors` lists, never an httpx error; a key that cannot be one is KeyRefused.
    """

    def __init__(
        self,
        *,
        api_url: str,
        files_url: str,
        key: str,
        user_agent: str,
        lanes: int = 200,
        deadlines: Deadlines = _DEADLINES,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        key = key.strip()
        if not _KEY.fullmatch(key):
            raise KeyRefused("An API key is one word of plain letters, digits and signs")
        if not user_agent.isascii() or not user_agent.isprintable():
            raise ValueError("A user agent is one line of plain ASCII")
        self._api_url = api_url.rstrip("/")
        self._files_url = files_url.rstrip("/")
        self._key = SecretStr(key)
        self._user_agent = user_agent
        self._deadlines = deadlines
        self._clock = clock
        self._base = httpx.URL(self._api_url)
        self._lanes = Lanes(self._base, lanes)

    def __repr__(self) -> str:
        return f"<EvoLink {self._api_url}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._lanes.close()

    async def create(self, payload: Mapping[str, object], *, idempotency_key: str) -> Task:
        """Start a video: THE request that spends money, sent once, on a connection of its own.

        Raises NotSent (may be sent again), Refused (nothing is charged), RateLimited (later), or
        Unclear: EvoLink may have taken the job, so it must never be sent again by itself.
        """
        if not _IDEMPOTENCY_KEY.fullmatch(idempotency_key):
            raise NotSent("An idempotency key is 16 to 96 of A-Z a-z 0-9 . _ -")
        try:
            content = json.dumps(payload, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise NotSent("The request cannot be written as JSON") from error
        headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
        url = f"{self._api_url}/v1/videos/generations"
        reply = await self._post(url, self._deadlines.create, headers=headers, content=content)
        return responses.task(reply, otherwise=Unclear)

    async def read(self, task_id: str) -> Task:
        """The state of a task. Raises NotFound, KeyRefused, Refused, RateLimited, Unavailable."""
        if not is_task_id(task_id):  # `../credits` would read something else
            raise NotFound("That is not a task id")
        return responses.read_task(await self._get(f"/v1/tasks/{task_id}"), asked=task_id)

    async def balance(self) -> Balance:
        """The credits left: the free way to check a key. Raises as `read` does."""
        return responses.balance(await self._get("/v1/credits"))

    async def tasks(self, page: int = 1, page_size: int = 50) -> list[TaskSummary] | None:
        """The newest tasks of the account, at most 50 a page; None where EvoLink has no such list.

        Undocumented, so nothing may depend on it. Raises as `read` does.
        """
        query = f"page={max(1, page)}&page_size={min(50, max(1, page_size))}"
        return responses.summaries(await self._get(f"/v1/tasks?{query}"))

    async def upload(self, content: bytes, *, name: str, mime: str) -> RemoteFile:
        """Put a picture where EvoLink can read it, for 72 hours. Free, but counts for a quota.

        Raises Refused (also for `success: false`), RateLimited or Unavailable.
        """
        url = f"{self._files_url}/api/v1/files/upload/stream"
        try:
            reply = await self._post(
                url, self._deadlines.upload, files={"file": (name, content, mime)}
            )
        except (NotSent, Unclear) as error:
            raise Unavailable(error.message) from error
        return responses.remote_file(reply)

    async def _post(
        self, url: str, deadline: float, headers: Mapping[str, str] | None = None, **body: Any
    ) -> Reply:
        """POST on a fresh connection: one kept from before may be dead, which makes it unclear."""
        fresh = {**self._headers(), "Connection": "close", **(headers or {})}
        secret = self._key.get_secret_value()
        async with fresh_client() as client:
            request = client.build_request("POST", url, headers=fresh, **body)
            return await exchange(
                client, request, deadline=deadline, secret=secret, clock=self._clock
            )

    async def _get(self, path: str) -> Reply:
        """GET on a kept connection. Raises Unavailable where not even a status came back."""
        url = self._api_url + path
        async with self._lanes.lane() as line:
            heard = await line.ask(url, self._headers(), deadline=self._deadlines.read)
            if not heard.status:
                raise Unavailable(f"GET {self._base.host}: {heard.flaw}")
        body = scrub(bytes(heard.body), self._key.get_secret_value().encode())
        return Reply(heard.status, body, heard.headers, heard.flaw, self._clock())

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._key.get_secret_value()}",
            "User-Agent": self._user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
