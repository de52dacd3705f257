"""How large a request may be."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evolink_studio.sandbox.errors import too_large

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
