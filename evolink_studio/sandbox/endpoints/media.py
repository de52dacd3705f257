"""Films and pictures by their links. A link needs no key; it is unguessable and dies."""

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from evolink_studio.sandbox import errors
from evolink_studio.sandbox.database import Store
from evolink_studio.sandbox.errors import ApiError
from evolink_studio.sandbox.http import HangUp
from evolink_studio.sandbox.image_repository import MIMES, Pictures
from evolink_studio.sandbox.scenarios import Film
from evolink_studio.sandbox.serializers import links_of
from evolink_studio.sandbox.settings import RESULT_LIFE, SandboxSettings
from evolink_studio.sandbox.task_repository import Task, Tasks

# Seen by public clients: agents that do not name a product are turned away from results.
LIBRARY_AGENTS = ("python-httpx", "python-requests", "python-urllib", "aiohttp")
PLAIN = {"X-Content-Type-Options": "nosniff"}


class Media:
    def __init__(self, store: Store, settings: SandboxSettings) -> None:
        self._store = store
        self._settings = settings
        self._tasks = Tasks(store)
        self._pictures = Pictures(store, settings.pictures_dir)
        self._cut: set[str] = set()

    async def film(self, request: Request) -> Response:
        if request.headers.get("user-agent", "").lower().startswith(LIBRARY_AGENTS):
            raise ApiError(403, "forbidden", "Send a User-Agent that names your product.")
        task = self._tasks.by_token(request.path_params["token"])
        if task is None or not any(link.endswith(request.url.path) for link in links_of(task)):
            raise errors.not_found()
        self._require_living_link(task)
        path = self._settings.films_dir / task.film_name
        if not path.exists():
            raise errors.not_found()
        if task.plot.film == Film.WEB_PAGE:
            return HTMLResponse("<!doctype html><title>Almost there</title><p>One moment.")
        if task.plot.film == Film.CUT and self._first_whole_read(request, task.id):
            content = path.read_bytes()
            return HangUp(content[: len(content) // 2], length=len(content), media_type="video/mp4")
        return FileResponse(path, media_type="video/mp4", headers=PLAIN)

    async def picture(self, request: Request) -> Response:
        upload = self._pictures.get(request.path_params["file_id"])
        if upload is None or upload.name != request.path_params["name"]:
            raise errors.not_found()
        return FileResponse(
            self._pictures.path(upload.id), media_type=MIMES[upload.format], headers=PLAIN
        )

    def _require_living_link(self, task: Task) -> None:
        now = self._store.now()
        if task.outcome != "completed" or task.finished_at is None:
            raise errors.not_found()
        if now < task.finished_at + task.plot.dead_link * self._settings.pace:
            raise errors.not_found()
        if now >= task.finished_at + RESULT_LIFE:
            raise ApiError(403, "link_expired", "This link has expired.")

    def _first_whole_read(self, request: Request, task_id: str) -> bool:
        if request.method != "GET" or "range" in request.headers or task_id in self._cut:
            return False
        self._cut.add(task_id)
        return True
