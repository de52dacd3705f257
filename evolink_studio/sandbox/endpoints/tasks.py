"""Free requests: tasks, credits, models; and the sandbox's own start page and top-up."""

import re
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from evolink_studio.sandbox import errors
from evolink_studio.sandbox.database import Database
from evolink_studio.sandbox.http import require_key
from evolink_studio.sandbox.ledger import Ledger
from evolink_studio.sandbox.model_specs import MODEL_SPECS
from evolink_studio.sandbox.request_parsing import parse_body
from evolink_studio.sandbox.scenarios import SCENARIOS
from evolink_studio.sandbox.serializers import serialize_list_item, serialize_task, to_json_number
from evolink_studio.sandbox.settings import SandboxSettings
from evolink_studio.sandbox.task_repository import TaskRepository

TASK_ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,128}")
DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 20, 50
MAX_TOP_UP_CREDITS = 100_000


class TaskEndpoints:
    def __init__(self, database: Database, settings: SandboxSettings, ledger: Ledger) -> None:
        self._database = database
        self._settings = settings
        self._ledger = ledger
        self._tasks = TaskRepository(database)

    async def get_task(self, request: Request) -> Response:
        require_key(request)
        task_id = request.path_params["task_id"]
        if not TASK_ID_PATTERN.fullmatch(task_id):
            raise errors.ApiError(400, "invalid_task_id", "The task id is not valid.")
        task = self._tasks.get(task_id)
        if task is None:
            raise errors.task_not_found_error()
        now = self._database.now()
        if now < task.created_at + task.behaviour.read_outage_seconds * self._settings.pace:
            raise errors.unavailable_error()
        return JSONResponse(serialize_task(task, now))

    async def list_tasks(self, request: Request) -> Response:
        require_key(request)
        page = _parse_query_int(request, "page", 1, 1_000_000)
        size = _parse_query_int(request, "page_size", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        page_tasks, total = self._tasks.list_page(
            status=request.query_params.get("status", ""),
            model=request.query_params.get("model", ""),
            limit=size,
            offset=(page - 1) * size,
        )
        now = self._database.now()
        return JSONResponse(
            {
                "data": [serialize_list_item(task, now) for task in page_tasks],
                "page": page,
                "page_size": size,
                "total": total,
            }
        )

    async def list_models(self, request: Request) -> Response:
        require_key(request)
        data = [{"id": name, "object": "model"} for name in MODEL_SPECS]
        return JSONResponse({"object": "list", "data": data})

    async def get_credits(self, request: Request) -> Response:
        require_key(request, old_endpoint=True)
        return JSONResponse(self._serialize_balance())

    async def top_up(self, request: Request) -> Response:
        """Add credits. EvoLink has no such request."""
        require_key(request)
        amount = parse_body(await request.body()).get("credits")
        if not isinstance(amount, int) or isinstance(amount, bool):
            raise errors.invalid_parameter_error("credits", "credits must be an integer.")
        if not 1 <= amount <= MAX_TOP_UP_CREDITS:
            message = f"credits must be between 1 and {MAX_TOP_UP_CREDITS}."
            raise errors.invalid_parameter_error("credits", message)
        with self._database.transaction():
            self._ledger.top_up(Decimal(amount))
        return JSONResponse(self._serialize_balance())

    async def check_health(self, request: Request) -> Response:
        self._database.fetch_one("SELECT 1")
        return JSONResponse({"status": "ok"})

    async def show_about(self, request: Request) -> Response:
        return PlainTextResponse(build_about_text(self._settings))

    def _serialize_balance(self) -> dict[str, Any]:
        """The key is unlimited: only the credits of the user count."""
        with self._database.transaction():
            balance = self._ledger.get_balance()
        used_credits = to_json_number(balance.used_credits)
        return {
            "data": {
                "token": {
                    "remaining_credits": 0,
                    "unlimited_credits": True,
                    "used_credits": used_credits,
                },
                "user": {
                    "remaining_credits": to_json_number(balance.remaining_credits),
                    "used_credits": used_credits,
                },
            },
            "message": "",
            "success": True,
        }


def build_about_text(settings: SandboxSettings) -> str:
    """The start page as text, for a person who opens the address."""
    tag_width = max(len(scenario.tag) for scenario in SCENARIOS) + 2
    scenario_lines = "\n".join(
        f"  {f'[{scenario.tag}]':<{tag_width}}  {scenario.description}" for scenario in SCENARIOS
    )
    return f"""EvoLink Studio sandbox

This is a provider for trying things out. It keeps EvoLink's documented contract, makes short films
on this machine and charges play credits only. Any key works except sk-evo-revoked.

Every midnight (UTC) the account is filled up to {settings.opening_balance} credits. To fill it up
earlier: POST /sandbox/top-up with {{"credits": 500}}.

A word in square brackets in the prompt plays a scenario; words may be joined:

{scenario_lines}
"""


def _parse_query_int(request: Request, name: str, default: int, max_value: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (
        text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= max_value and len(text) < 9
    ):
        raise errors.invalid_parameter_error(name, f"{name} must be between 1 and {max_value}.")
    return int(text)
