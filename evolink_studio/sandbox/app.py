"""The routes of the sandbox."""

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
from evolink_studio.sandbox.callbacks import Caller
from evolink_studio.sandbox.database import Store
from evolink_studio.sandbox.endpoints.files import Uploads
from evolink_studio.sandbox.endpoints.generations import Generations
from evolink_studio.sandbox.endpoints.media import Media
from evolink_studio.sandbox.endpoints.tasks import Reading
from evolink_studio.sandbox.errors import ApiError
from evolink_studio.sandbox.http import BodyLimit
from evolink_studio.sandbox.ledger import Ledger
from evolink_studio.sandbox.settings import SandboxSettings
from evolink_studio.sandbox.task_runner import Render, Works
from evolink_studio.sandbox.video.subprocess_renderer import render_apart


def build_app(
    store: Store, settings: SandboxSettings, *, render: Render = render_apart
) -> Starlette:
    """The whole far end: API, files API and media on one address.

    `render` makes a film of a storyboard; it raises NotMade. `app.state.works` are the works, for
    those who step them by hand instead of by the lifespan.
    """
    ledger = Ledger(store, settings.opening_balance)
    caller = Caller(allow_loopback=settings.allow_loopback_callbacks)
    works = Works(store, settings, ledger, caller, render)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with caller:
            running = asyncio.create_task(works.run())
            yield
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    app = Starlette(
        routes=_routes(store, settings, ledger, works),
        lifespan=lifespan,
        middleware=[Middleware(BodyLimit)],
        exception_handlers={
            ApiError: _api_error,
            HTTPException: _http_error,
            Exception: _any_error,
        },
    )
    app.state.works = works
    return app


def _routes(store: Store, settings: SandboxSettings, ledger: Ledger, works: Works) -> list[Route]:
    reading = Reading(store, settings, ledger)
    generations = Generations(store, settings, ledger, works)
    uploads = Uploads(store, settings)
    media = Media(store, settings)
    files = "/api/v1/files"
    return [
        Route("/v1/tasks/{task_id}", reading.task),
        Route("/v1/videos/generations", generations.create, methods=["POST"]),
        Route("/v1/tasks", reading.tasks),
        Route("/v1/models", reading.models),
        Route("/v1/credits", reading.credits),
        Route(f"{files}/upload/stream", uploads.stream, methods=["POST"]),
        Route(f"{files}/upload/base64", uploads.base64, methods=["POST"]),
        Route(f"{files}/upload/url", uploads.url, methods=["POST"]),
        Route(f"{files}/quota", uploads.quota),
        Route(f"{files}/{{file_id}}", uploads.remove, methods=["DELETE"]),
        Route("/media/{token}/{name}", media.film),
        Route("/files/{file_id}/{name}", media.picture),
        Route("/sandbox/top-up", reading.top_up, methods=["POST"]),
        Route("/healthz", reading.health),
        Route("/", reading.about),
    ]


async def _api_error(request: Request, problem: Exception) -> Response:
    if not isinstance(problem, ApiError):
        raise problem
    return problem.response()


async def _http_error(request: Request, problem: Exception) -> Response:
    if not isinstance(problem, HTTPException):
        raise problem
    code = {404: "not_found", 405: "method_not_allowed"}.get(problem.status_code, "invalid_request")
    return ApiError(problem.status_code, code, problem.detail, headers=problem.headers).response()


async def _any_error(request: Request, problem: Exception) -> Response:
    return errors.internal_error().response()
