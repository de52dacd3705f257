"""A sandbox in a test's hands: its clock, its works, and the bodies people send."""

import asyncio
import json
from contextlib import contextmanager
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import httpx
from PIL import Image

from evolink_studio.sandbox.app import build_app
from evolink_studio.sandbox.database import Store
from evolink_studio.sandbox.ledger import Ledger
from evolink_studio.sandbox.server import serving
from evolink_studio.sandbox.settings import SandboxSettings
from evolink_studio.sandbox.video.storyboard import Storyboard

HEADERS = {"Authorization": "Bearer sk-evo-test", "User-Agent": "Sandbox-Tests/1.0"}
CREATE = "/v1/videos/generations"
NOON = 1_795_176_000.0
FILM = b"0123456789" * 100
GROK, VEO = "grok-imagine-text-to-video", "veo3.1-pro"
KLING, SORA = "kling-o3-image-to-video", "sora-2-preview"
SEEDANCE = "doubao-seedance-1.0-pro-fast"


class Clock:
    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Studio:
    """Stands for the film maker: remembers what it was asked for, writes a few bytes."""

    def __init__(self) -> None:
        self.boards: list[Storyboard] = []

    async def __call__(self, board: Storyboard) -> None:
        self.boards.append(board)
        board.path.write_bytes(FILM)


class InProcess:
    """Asks an application without a socket; each request has an event loop of its own."""

    def __init__(self, app) -> None:
        self._transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)

    def request(self, method, url, **more):
        async def ask():
            async with httpx.AsyncClient(
                transport=self._transport, base_url="http://sandbox.example", headers=HEADERS
            ) as client:
                return await client.request(method, url, **more)

        return asyncio.run(ask())

    def get(self, url, **more):
        return self.request("GET", url, **more)

    def post(self, url, **more):
        return self.request("POST", url, **more)


class Caller:
    """What a person does with a far end, over any client."""

    def __init__(self, http) -> None:
        self.http = http

    def post(self, body, **headers):
        return self.http.post(CREATE, json=body, headers=headers)

    def create(self, prompt="a cat", **body) -> str:
        answer = self.post({"model": GROK, "prompt": prompt, **body})
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    def read(self, task_id: str):
        answer = self.http.get(f"/v1/tasks/{task_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def upload(self, content: bytes, name="picture.png") -> str:
        answer = self.http.post("/api/v1/files/upload/stream", files={"file": (name, content)})
        return answer.json()["data"]["file_url"]

    def picture(self, width=1280, height=720, kind="png", colour="teal") -> str:
        return self.upload(picture_bytes(width, height, kind, colour))

    def credits(self):
        answer = self.http.get("/v1/credits")
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text, parse_float=Decimal, parse_int=Decimal)["data"]["user"]

    def remaining(self) -> Decimal:
        return self.credits()["remaining_credits"]


class World(Caller):
    """A sandbox without a server: time is the test's, films are a few bytes."""

    def __init__(self, folder: Path, render=None, **settings) -> None:
        self.clock = Clock()
        self.folder = folder
        self.studio = render or Studio()
        self.settings = SandboxSettings(media_dir=folder / "media", **settings)
        self._stores: list[Store] = []
        self.start()

    def start(self) -> None:
        """Open the file and serve: also what happens after a crash."""
        self.store = Store(self.folder / "sandbox.sqlite3", self.clock)
        self._stores.append(self.store)
        app = build_app(self.store, self.settings, render=self.studio)
        self.works = app.state.works
        super().__init__(InProcess(app))

    def close(self) -> None:
        for store in self._stores:
            store.close()

    def later(self, seconds: float) -> None:
        """Let time pass in one leap, and everything happen that became due."""
        self.clock.now += seconds
        asyncio.run(self._work())

    async def _work(self) -> None:
        for _ in range(3):
            self.works.step()
            await self.works.settled()

    def finished(self, prompt="a cat", **body):
        task_id = self.create(prompt, **body)
        self.later(20)
        return self.read(task_id)

    def entries(self, task_id: str | None = None):
        return Ledger(self.store, self.settings.opening_balance).entries(task_id)


@contextmanager
def served(folder: Path, **settings):
    """A real server with real films, on a free port."""
    store = Store(folder / "sandbox.sqlite3")
    about = SandboxSettings(
        media_dir=folder / "media", opening_balance=Decimal(1_000_000), **settings
    )
    with (
        serving(store, about) as url,
        httpx.Client(base_url=url, headers=HEADERS, timeout=60, trust_env=False) as http,
    ):
        yield Caller(http)
    store.close()


def picture_bytes(width=1280, height=720, kind="png", colour="teal") -> bytes:
    target = BytesIO()
    Image.new("RGB", (width, height), colour).save(target, kind)
    return target.getvalue()
