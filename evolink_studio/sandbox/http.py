"""Closing a connection in mid-answer, which ASGI itself has no word for."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from evolink_studio.sandbox.errors import too_large, unauthorized

HANG_UP = "hang_up"


class HangUpProtocol(H11Protocol):
    """Puts the closing of its connection into the state of every request."""

    def connection_made(  # type: ignore[override]  # as its parent: asyncio gives a Transport here
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        self.app_state: dict[str, Any] = {**self.app_state, HANG_UP: transport.close}


class HangUp(Response):
    """Sends `content` of an answer that promises `length` bytes, then closes the connection.

    Without a length nothing at all is sent.
    """

    def __init__(self, content: bytes = b"", *, length: int = 0, media_type: str = "") -> None:
        super().__init__(content, media_type=media_type or None)
        self._length = length
        self.headers["content-length"] = str(length)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._length:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self.body, "more_body": True})
        hang_up = scope.get("state", {}).get(HANG_UP)
        if hang_up is None:
            raise RuntimeError("This server cannot hang up; start it through serve.py.")
        hang_up()
        while (await receive())["type"] != "http.disconnect":
            pass


REVOKED_KEY = "sk-evo-revoked"


def require_key(request: Request, *, old_endpoint: bool = False) -> None:
    """Raises ApiError 401 unless the request carries `Authorization: Bearer <key>`."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip() or key.strip() == REVOKED_KEY:
        raise unauthorized(old_endpoint=old_endpoint)


MOST = 1_000_000
# A picture may be larger than any model takes, so that the model's own limit is met.
MOST_UPLOAD = 45_000_000
UPLOADS = "/api/v1/files/"


class BodyLimit:
    """Refuses a body that is announced or turns out to be too large, without keeping it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        most = MOST_UPLOAD if scope["path"].startswith(UPLOADS) else MOST
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced[:12]) > most:
            await too_large(most).response()(scope, receive, send)
            return
        arrived = 0

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > most:
                raise too_large(most)
            return message

        await self._app(scope, counted, send)
