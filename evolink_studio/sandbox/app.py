"""The ASGI application of the sandbox: routes, life span, error handlers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from evolink_studio.sandbox import errors
from evolink_studio.sandbox.callbacks import CallbackSender
from evolink_studio.sandbox.database import Database
from evolink_studio.sandbox.endpoints.files import FileEndpoints
from evolink_studio.sandbox.endpoints.generations import GenerationEndpoints
from evolink_studio.sandbox.endpoints.media import MediaEndpoints
from evolink_studio.sandbox.endpoints.tasks import TaskEndpoints
from evolink_studio.sandbox.errors import ApiError
from evolink_studio.sandbox.http import BodyLimitMiddleware
from evolink_studio.sandbox.ledger import Ledger
from evolink_studio.sandbox.settings import SandboxSettings
from evolink_studio.sandbox.task_runner import Renderer, TaskRunner
from evolink_studio.sandbox.video.subprocess_renderer import render_in_subprocess


def build_app(
    database: Database, settings: SandboxSettings, *, render: Renderer = render_in_subprocess
) -> Starlette:
    """The whole provider: API, files API and media on one address.

    `render` renders the film of a storyboard; it raises RenderError. `app.state.task_runner` is for
    tests that call `run_due` themselves instead of running the life span.
    """
    ledger = Ledger(database, settings.opening_balance)
    callback_sender = CallbackSender(allow_loopback=settings.allow_loopback_callbacks)
    task_runner = TaskRunner(database, settings, ledger, callback_sender, render)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with callback_sender:
            runner_job = asyncio.create_task(task_runner.run())
            yield
            runner_job.cancel()
            with suppress(asyncio.CancelledError):
                await runner_job

    app = Starlette(
        routes=_build_routes(database, settings, ledger, task_runner),
        lifespan=lifespan,
        middleware=[Middleware(BodyLimitMiddleware)],
        exception_handlers={
            ApiError: _handle_api_error,
            HTTPException: _handle_http_error,
            Exception: _handle_unexpected_error,
        },
    )
    app.state.task_runner = task_runner
    return app


def _build_routes(
    database: Database, settings: SandboxSettings, ledger: Ledger, task_runner: TaskRunner
) -> list[Route]:
    task_endpoints = TaskEndpoints(database, settings, ledger)
    generation_endpoints = GenerationEndpoints(database, settings, ledger, task_runner)
    file_endpoints = FileEndpoints(database, settings)
    media_endpoints = MediaEndpoints(database, settings)
    files_path = "/api/v1/files"
    return [
        Route("/v1/tasks/{task_id}", task_endpoints.get_task),
        Route("/v1/videos/generations", generation_endpoints.create, methods=["POST"]),
        Route("/v1/tasks", task_endpoints.list_tasks),
        Route("/v1/models", task_endpoints.list_models),
        Route("/v1/credits", task_endpoints.get_credits),
        Route(f"{files_path}/upload/stream", file_endpoints.upload_stream, methods=["POST"]),
        Route(f"{files_path}/upload/base64", file_endpoints.upload_base64, methods=["POST"]),
        Route(f"{files_path}/upload/url", file_endpoints.upload_url, methods=["POST"]),
        Route(f"{files_path}/quota", file_endpoints.get_quota),
        Route(f"{files_path}/{{file_id}}", file_endpoints.delete_file, methods=["DELETE"]),
        Route("/media/{token}/{name}", media_endpoints.get_video),
        Route("/files/{file_id}/{name}", media_endpoints.get_image),
        Route("/sandbox/top-up", task_endpoints.top_up, methods=["POST"]),
        Route("/healthz", task_endpoints.check_health),
        Route("/", task_endpoints.show_about),
    ]


async def _handle_api_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    return error.to_response()


async def _handle_http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
    return ApiError(error.status_code, code, error.detail, headers=error.headers).to_response()


async def _handle_unexpected_error(request: Request, error: Exception) -> Response:
    return errors.internal_error().to_response()
