"""The client of the EvoLink API: one function spends money, the others are free.

Paths and fields: EvoLink documentation, stated 2026-11-20.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import SecretStr

from evolink_studio.evolink import responses
from evolink_studio.evolink.errors import (
    AuthenticationError,
    NotFoundError,
    OutcomeUnknown,
    RequestNotSent,
    ServiceUnavailableError,
)
from evolink_studio.evolink.redaction import redact
from evolink_studio.evolink.timestamps import utc_now
from evolink_studio.evolink.transport import (
    ConnectionPool,
    RawResponse,
    send_once,
    temporary_client,
)
from evolink_studio.evolink.types import ProviderBalance, RemoteFile, Task, TaskSummary, is_task_id

_Parsed = TypeVar("_Parsed")

_API_KEY_PATTERN = re.compile(r"[\x21-\x7e]+")
_IDEMPOTENCY_KEY_PATTERN = re.compile(r"[A-Za-z0-9._-]{16,96}")


@dataclass(frozen=True)
class Deadlines:
    """Seconds that a whole exchange may take, including connecting."""

    create: float = 60.0
    read: float = 20.0
    upload: float = 120.0


_DEFAULT_DEADLINES = Deadlines()


class EvoLinkClient:
    """EvoLink over HTTP, for one account key. Use as `async with EvoLinkClient(…) as client:`.

    `api_url` and `files_url` without a path; `user_agent` names the product (EvoLink answers 403 to
    the names of HTTP libraries). Reads use at most `max_connections` connections. Methods raise
    only errors of `errors`, never httpx errors; a malformed key raises AuthenticationError here.
    """

    def __init__(
        self,
        *,
        api_url: str,
        files_url: str,
        api_key: str,
        user_agent: str,
        max_connections: int = 200,
        deadlines: Deadlines = _DEFAULT_DEADLINES,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        api_key = api_key.strip()
        if not _API_KEY_PATTERN.fullmatch(api_key):
            raise AuthenticationError("An API key is one word of plain letters, digits and signs")
        if not user_agent.isascii() or not user_agent.isprintable():
            raise ValueError("A user agent is one line of plain ASCII")
        self._api_url = api_url.rstrip("/")
        self._files_url = files_url.rstrip("/")
        self._api_key = SecretStr(api_key)
        self._user_agent = user_agent
        self._deadlines = deadlines
        self._clock = clock
        self._base_url = httpx.URL(self._api_url)
        self._pool = ConnectionPool(self._base_url, max_connections)

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
        await self._pool.close()

    async def create_video(self, payload: Mapping[str, object], *, idempotency_key: str) -> Task:
        """Start a video: THE request that spends money, sent once, on a connection of its own.

        Raises RequestNotSent (may be sent again), RequestRejected (nothing is charged),
        RateLimitError (try later), or OutcomeUnknown: EvoLink may have accepted the task, so it
        must never be sent again automatically.
        """
        if not _IDEMPOTENCY_KEY_PATTERN.fullmatch(idempotency_key):
            raise RequestNotSent("An idempotency key is 16 to 96 of A-Z a-z 0-9 . _ -")
        try:
            content = json.dumps(payload, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise RequestNotSent("The request cannot be written as JSON") from error
        headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
        url = f"{self._api_url}/v1/videos/generations"
        response = await self._post(url, self._deadlines.create, headers=headers, content=content)
        return responses.parse_created_task(response, fallback_error=OutcomeUnknown)

    async def get_task(self, task_id: str) -> Task:
        """The state of a task.

        Raises NotFoundError, AuthenticationError, RequestRejected, RateLimitError or
        ServiceUnavailableError.
        """
        if not is_task_id(task_id):  # `../credits` would read another path
            raise NotFoundError("That is not a task id")
        parse = partial(responses.parse_task, expected_id=task_id)
        return await self._get(f"/v1/tasks/{task_id}", parse)

    async def get_balance(self) -> ProviderBalance:
        """The credits left; also a free check of the key. Raises as `get_task` does."""
        return await self._get("/v1/credits", responses.parse_balance)

    async def list_tasks(self, page: int = 1, page_size: int = 50) -> list[TaskSummary] | None:
        """The newest tasks of the account, at most 50 a page; None if EvoLink has no such list.

        Undocumented, so nothing may depend on it. Raises as `get_task` does.
        """
        query = f"page={max(1, page)}&page_size={min(50, max(1, page_size))}"
        return await self._get(f"/v1/tasks?{query}", responses.parse_task_list)

    async def upload_file(self, content: bytes, *, name: str, mime: str) -> RemoteFile:
        """Upload a picture for 72 hours. Free, but counts towards a quota.

        Raises RequestRejected (also for `success: false`), RateLimitError or
        ServiceUnavailableError.
        """
        url = f"{self._files_url}/api/v1/files/upload/stream"
        try:
            response = await self._post(
                url, self._deadlines.upload, files={"file": (name, content, mime)}
            )
        except (RequestNotSent, OutcomeUnknown) as error:
            raise ServiceUnavailableError(error.message) from error
        return responses.parse_remote_file(response)

    async def _post(
        self, url: str, deadline: float, headers: Mapping[str, str] | None = None, **body: Any
    ) -> RawResponse:
        """POST on a new connection: a reused one may be dead, and then the outcome is unknown."""
        request_headers = {**self._build_headers(), "Connection": "close", **(headers or {})}
        secret = self._api_key.get_secret_value()
        async with temporary_client() as client:
            request = client.build_request("POST", url, headers=request_headers, **body)
            return await send_once(
                client, request, deadline=deadline, secret=secret, clock=self._clock
            )

    async def _get(self, path: str, parse: Callable[[RawResponse], _Parsed]) -> _Parsed:
        """GET on a pooled connection, and return what `parse` makes of the response.

        Raises ServiceUnavailableError without a status, and what `parse` raises.
        """
        async with self._pool.connection() as connection:
            raw_response = await connection.get(
                path, self._build_headers(), deadline=self._deadlines.read
            )
            if not raw_response.status:
                raise ServiceUnavailableError(f"GET {self._base_url.host}: {raw_response.error}")
            body = redact(raw_response.body, self._api_key.get_secret_value().encode())
            response = replace(raw_response, body=body, received_at=self._clock())
            if 200 <= response.status < 300:
                # If `parse` raises, for example on the answer to another request, the pool closes
                # the connection: what comes next on it may be wrong too.
                return parse(response)
        return parse(response)

    def _build_headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._api_key.get_secret_value()}",
            "User-Agent": self._user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
