"""Dropped connections, the check of the API key, and the limit of bodies."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from evolink_studio.sandbox.errors import authentication_error, body_too_large_error

CLOSE_CONNECTION_KEY = "hang_up"
REVOKED_KEY = "sk-evo-revoked"
MAX_BODY_BYTES = 1_000_000
# Larger than the limit of any model, so that the limit of the model applies.
MAX_UPLOAD_BYTES = 45_000_000
UPLOAD_PATH_PREFIX = "/api/v1/files/"


class DroppableH11Protocol(H11Protocol):
    """Puts a function that closes the connection into the state of every request."""

    def connection_made(  # type: ignore[override]  # as its parent: asyncio gives a Transport here
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        self.app_state: dict[str, Any] = {**self.app_state, CLOSE_CONNECTION_KEY: transport.close}


class DroppedConnectionResponse(Response):
    """Announces `content_length` bytes, sends `content`, then closes the connection.

    With length 0 nothing is sent.
    """

    def __init__(
        self, content: bytes = b"", *, content_length: int = 0, media_type: str = ""
    ) -> None:
        super().__init__(content, media_type=media_type or None)
        self._content_length = content_length
        self.headers["content-length"] = str(content_length)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._content_length:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self.body, "more_body": True})
        close_connection = scope.get("state", {}).get(CLOSE_CONNECTION_KEY)
        if close_connection is None:
            raise RuntimeError("This server cannot drop connections; start it with server.py.")
        close_connection()
        while (await receive())["type"] != "http.disconnect":
            pass


def require_key(request: Request, *, old_endpoint: bool = False) -> None:
    """Raises ApiError 401 unless the request carries `Authorization: Bearer <key>`."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip() or key.strip() == REVOKED_KEY:
        raise authentication_error(old_endpoint=old_endpoint)


class BodyLimitMiddleware:
    """Rejects a POST whose announced or received body is too large."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        max_bytes = (
            MAX_UPLOAD_BYTES if scope["path"].startswith(UPLOAD_PATH_PREFIX) else MAX_BODY_BYTES
        )
        announced_bytes = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced_bytes.isdigit() or int(announced_bytes[:12]) > max_bytes:
            await body_too_large_error(max_bytes).to_response()(scope, receive, send)
            return
        received_bytes = 0

        async def receive_limited() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > max_bytes:
                raise body_too_large_error(max_bytes)
            return message

        await self._app(scope, receive_limited, send)
