"""The free requests: tasks, credits, models; and the sandbox's own page and top-up."""

import re
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from evolink_studio.sandbox import errors
from evolink_studio.sandbox.database import Store
from evolink_studio.sandbox.http import require_key
from evolink_studio.sandbox.ledger import Ledger
from evolink_studio.sandbox.model_specs import MODELS
from evolink_studio.sandbox.request_parsing import read_body
from evolink_studio.sandbox.scenarios import STORIES
from evolink_studio.sandbox.serializers import list_answer, number, task_answer
from evolink_studio.sandbox.settings import SandboxSettings
from evolink_studio.sandbox.task_repository import Tasks

TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
PAGE_SIZE, MOST_PAGE_SIZE = 20, 50
MOST_TOP_UP = 100_000


class Reading:
    def __init__(self, store: Store, settings: SandboxSettings, ledger: Ledger) -> None:
        self._store = store
        self._settings = settings
        self._ledger = ledger
        self._tasks = Tasks(store)

    async def task(self, request: Request) -> Response:
        require_key(request)
        task_id = request.path_params["task_id"]
        if not TASK_ID.fullmatch(task_id):
            raise errors.ApiError(400, "invalid_task_id", "The task id is not valid.")
        task = self._tasks.get(task_id)
        if task is None:
            raise errors.task_not_found()
        now = self._store.now()
        if now < task.created + task.plot.reads_down * self._settings.pace:
            raise errors.unavailable()
        return JSONResponse(task_answer(task, now))

    async def tasks(self, request: Request) -> Response:
        require_key(request)
        page = _whole(request, "page", 1, 1_000_000)
        size = _whole(request, "page_size", PAGE_SIZE, MOST_PAGE_SIZE)
        found, total = self._tasks.page(
            status=request.query_params.get("status", ""),
            model=request.query_params.get("model", ""),
            limit=size,
            offset=(page - 1) * size,
        )
        now = self._store.now()
        return JSONResponse(
            {
                "data": [list_answer(task, now) for task in found],
                "page": page,
                "page_size": size,
                "total": total,
            }
        )

    async def models(self, request: Request) -> Response:
        require_key(request)
        data = [{"id": name, "object": "model"} for name in MODELS]
        return JSONResponse({"object": "list", "data": data})

    async def credits(self, request: Request) -> Response:
        require_key(request, old_endpoint=True)
        return JSONResponse(self._balance())

    async def top_up(self, request: Request) -> Response:
        """The sandbox's own: EvoLink has no such request."""
        require_key(request)
        wanted = read_body(await request.body()).get("credits")
        if not isinstance(wanted, int) or isinstance(wanted, bool):
            raise errors.invalid_parameter("credits", "credits must be an integer.")
        if not 1 <= wanted <= MOST_TOP_UP:
            message = f"credits must be between 1 and {MOST_TOP_UP}."
            raise errors.invalid_parameter("credits", message)
        with self._store.together():
            self._ledger.top_up(Decimal(wanted))
        return JSONResponse(self._balance())

    async def health(self, request: Request) -> Response:
        self._store.row("SELECT 1")
        return JSONResponse({"status": "ok"})

    async def about(self, request: Request) -> Response:
        return PlainTextResponse(about(self._settings))

    def _balance(self) -> dict[str, Any]:
        """An unlimited key has no credits of its own: what can be spent is the user's."""
        with self._store.together():
            balance = self._ledger.balance()
        used = number(balance.used)
        return {
            "data": {
                "token": {
                    "remaining_credits": 0,
                    "unlimited_credits": True,
                    "used_credits": used,
                },
                "user": {"remaining_credits": number(balance.remaining), "used_credits": used},
            },
            "message": "",
            "success": True,
        }


def about(settings: SandboxSettings) -> str:
    """The sandbox in words, for a person who opens its address."""
    widest = max(len(story.word) for story in STORIES) + 2
    stories = "\n".join(f"  {f'[{story.word}]':<{widest}}  {story.tells}" for story in STORIES)
    return f"""EvoLink Studio sandbox

This is a far end for trying things out. It keeps EvoLink's documented contract, makes short films
on this machine and charges play credits only. Any key works except sk-evo-revoked.

Every midnight (UTC) the account is filled up to {settings.opening_balance} credits. To fill it up
earlier: POST /sandbox/top-up with {{"credits": 500}}.

A word in square brackets in the prompt plays a story; words may be joined:

{stories}
"""


def _whole(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most and len(text) < 9):
        raise errors.invalid_parameter(name, f"{name} must be between 1 and {most}.")
    return int(text)
