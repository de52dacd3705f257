"""A sandbox for tests: its clock, its task runner, and a client."""

import asyncio
import json
from contextlib import contextmanager
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import httpx
from PIL import Image

from evolink_studio.sandbox.app import build_app
from evolink_studio.sandbox.database import Database
from evolink_studio.sandbox.ledger import Ledger
from evolink_studio.sandbox.server import serve_in_thread
from evolink_studio.sandbox.settings import SandboxSettings
from evolink_studio.sandbox.video.storyboard import Storyboard

HEADERS = {"Authorization": "Bearer sk-evo-test", "User-Agent": "Sandbox-Tests/1.0"}
GENERATIONS_PATH = "/v1/videos/generations"
NOW_TIMESTAMP = 1_795_176_000.0
VIDEO_CONTENT = b"0123456789" * 100
GROK, VEO = "grok-imagine-text-to-video", "veo3.1-pro"
KLING, SORA = "kling-o3-image-to-video", "sora-2-preview"
SEEDANCE = "doubao-seedance-1.0-pro-fast"


class FakeTimestampClock:
    def __init__(self, now: float = NOW_TIMESTAMP) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class FakeRenderer:
    """Stands for the renderer: remembers its storyboards, writes a few bytes."""

    def __init__(self) -> None:
        self.storyboards: list[Storyboard] = []

    async def __call__(self, storyboard: Storyboard) -> None:
        self.storyboards.append(storyboard)
        storyboard.path.write_bytes(VIDEO_CONTENT)


class InProcessHttpClient:
    """Asks an application without a socket; each request has an event loop of its own."""

    def __init__(self, app) -> None:
        self._transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)

    def request(self, method, url, **options):
        async def send():
            async with httpx.AsyncClient(
                transport=self._transport, base_url="http://sandbox.example", headers=HEADERS
            ) as client:
                return await client.request(method, url, **options)

        return asyncio.run(send())

    def get(self, url, **options):
        return self.request("GET", url, **options)

    def post(self, url, **options):
        return self.request("POST", url, **options)


class SandboxClient:
    """What a person does with a provider, over any HTTP client."""

    def __init__(self, http) -> None:
        self.http = http

    def post_generation(self, body, **headers):
        return self.http.post(GENERATIONS_PATH, json=body, headers=headers)

    def create_task(self, prompt="a cat", **body) -> str:
        answer = self.post_generation({"model": GROK, "prompt": prompt, **body})
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    def get_task(self, task_id: str):
        answer = self.http.get(f"/v1/tasks/{task_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def upload_file(self, content: bytes, name="picture.png") -> str:
        answer = self.http.post("/api/v1/files/upload/stream", files={"file": (name, content)})
        return answer.json()["data"]["file_url"]

    def upload_image(self, width=1280, height=720, kind="png", colour="teal") -> str:
        return self.upload_file(make_image_bytes(width, height, kind, colour))

    def get_credits(self):
        answer = self.http.get("/v1/credits")
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text, parse_float=Decimal, parse_int=Decimal)["data"]["user"]

    def get_remaining_credits(self) -> Decimal:
        return self.get_credits()["remaining_credits"]


class InProcessSandbox(SandboxClient):
    """A sandbox without a server: time is the test's, films are a few bytes."""

    def __init__(self, folder: Path, render=None, **settings) -> None:
        self.clock = FakeTimestampClock()
        self.folder = folder
        self.renderer = render or FakeRenderer()
        self.settings = SandboxSettings(media_dir=folder / "media", **settings)
        self._databases: list[Database] = []
        self.start()

    def start(self) -> None:
        """Open the file and serve: also what happens after a crash."""
        self.database = Database(self.folder / "sandbox.sqlite3", self.clock)
        self._databases.append(self.database)
        app = build_app(self.database, self.settings, render=self.renderer)
        self.task_runner = app.state.task_runner
        super().__init__(InProcessHttpClient(app))

    def close(self) -> None:
        for database in self._databases:
            database.close()

    def advance(self, seconds: float) -> None:
        """Move the clock at once, and run everything that became due."""
        self.clock.now += seconds
        asyncio.run(self._run_due())

    async def _run_due(self) -> None:
        for _ in range(3):
            self.task_runner.run_due()
            await self.task_runner.wait_idle()

    def create_finished(self, prompt="a cat", **body):
        task_id = self.create_task(prompt, **body)
        self.advance(20)
        return self.get_task(task_id)

    def list_entries(self, task_id: str | None = None):
        return Ledger(self.database, self.settings.opening_balance).list_entries(task_id)


@contextmanager
def run_sandbox(folder: Path, **settings):
    """A real server with real films, on a free port."""
    database = Database(folder / "sandbox.sqlite3")
    sandbox_settings = SandboxSettings(
        media_dir=folder / "media", opening_balance=Decimal(1_000_000), **settings
    )
    with (
        serve_in_thread(database, sandbox_settings) as url,
        httpx.Client(base_url=url, headers=HEADERS, timeout=60, trust_env=False) as http,
    ):
        yield SandboxClient(http)
    database.close()


def make_image_bytes(width=1280, height=720, kind="png", colour="teal") -> bytes:
    target = BytesIO()
    Image.new("RGB", (width, height), colour).save(target, kind)
    return target.getvalue()
