"""Closing a connection in mid-answer, which ASGI itself has no word for."""

import asyncio
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

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
