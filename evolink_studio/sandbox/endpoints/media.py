"""Serves films and pictures. Their links need no key; they are unguessable and expire."""

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from evolink_studio.sandbox import errors
from evolink_studio.sandbox.database import Database
from evolink_studio.sandbox.errors import ApiError
from evolink_studio.sandbox.http import DroppedConnectionResponse
from evolink_studio.sandbox.image_repository import MIME_TYPES, ImageRepository
from evolink_studio.sandbox.scenarios import DownloadMode
from evolink_studio.sandbox.serializers import build_result_urls
from evolink_studio.sandbox.settings import RESULT_LIFETIME_SECONDS, SandboxSettings
from evolink_studio.sandbox.task_repository import TaskRepository, TaskRow

# Seen by public clients: result links answer 403 to the user agents of HTTP libraries.
BLOCKED_USER_AGENTS = ("python-httpx", "python-requests", "python-urllib", "aiohttp")
NOSNIFF_HEADERS = {"X-Content-Type-Options": "nosniff"}


class MediaEndpoints:
    def __init__(self, database: Database, settings: SandboxSettings) -> None:
        self._database = database
        self._settings = settings
        self._tasks = TaskRepository(database)
        self._images = ImageRepository(database, settings.images_dir)
        self._truncated_task_ids: set[str] = set()

    async def get_video(self, request: Request) -> Response:
        if request.headers.get("user-agent", "").lower().startswith(BLOCKED_USER_AGENTS):
            raise ApiError(403, "forbidden", "Send a User-Agent that names your product.")
        task = self._tasks.find_by_token(request.path_params["token"])
        if task is None or not any(
            url.endswith(request.url.path) for url in build_result_urls(task)
        ):
            raise errors.not_found_error()
        self._require_live_url(task)
        path = self._settings.videos_dir / task.video_name
        if not path.exists():
            raise errors.not_found_error()
        mode = task.behaviour.download_mode
        if mode == DownloadMode.REDIRECT and "on" not in request.query_params:
            return RedirectResponse(f"{request.url.path}?on=1", 302)
        is_second = not request.url.path.endswith(f"{task.id}.mp4")
        if mode == DownloadMode.WEB_PAGE or (mode == DownloadMode.SECOND_WEB_PAGE and is_second):
            return HTMLResponse("<!doctype html><title>Almost there</title><p>One moment.")
        if mode == DownloadMode.TRUNCATED and self._is_first_full_read(request, task.id):
            content = path.read_bytes()
            return DroppedConnectionResponse(
                content[: len(content) // 2], content_length=len(content), media_type="video/mp4"
            )
        return FileResponse(path, media_type="video/mp4", headers=NOSNIFF_HEADERS)

    async def get_image(self, request: Request) -> Response:
        image = self._images.get(request.path_params["file_id"])
        if image is None or image.name != request.path_params["name"]:
            raise errors.not_found_error()
        return FileResponse(
            self._images.get_path(image.id),
            media_type=MIME_TYPES[image.format],
            headers=NOSNIFF_HEADERS,
        )

    def _require_live_url(self, task: TaskRow) -> None:
        now = self._database.now()
        if task.outcome != "completed" or task.finished_at is None:
            raise errors.not_found_error()
        if now < task.finished_at + task.behaviour.dead_link_seconds * self._settings.pace:
            raise errors.not_found_error()
        if now >= task.finished_at + RESULT_LIFETIME_SECONDS:
            raise ApiError(403, "link_expired", "This link has expired.")

    def _is_first_full_read(self, request: Request, task_id: str) -> bool:
        if (
            request.method != "GET"
            or "range" in request.headers
            or task_id in self._truncated_task_ids
        ):
            return False
        self._truncated_task_ids.add(task_id)
        return True
