"""`POST /v1/videos/generations`: the only request that costs credits."""

import hashlib
import json
import math
import re
import secrets
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from evolink_studio.sandbox import errors
from evolink_studio.sandbox.database import Database
from evolink_studio.sandbox.http import DroppedConnectionResponse, require_key
from evolink_studio.sandbox.image_repository import ImageRepository
from evolink_studio.sandbox.ledger import Ledger, to_units
from evolink_studio.sandbox.model_specs import SandboxModelSpec
from evolink_studio.sandbox.parameters import ParsedRequest, RequestImage
from evolink_studio.sandbox.pricing import RATES
from evolink_studio.sandbox.request_parsing import (
    find_model_spec,
    parse_body,
    parse_callback_url,
    parse_request,
)
from evolink_studio.sandbox.scenarios import Behaviour, ResponseMode, behaviour_of
from evolink_studio.sandbox.serializers import serialize_created
from evolink_studio.sandbox.settings import SandboxSettings
from evolink_studio.sandbox.task_repository import (
    NewTask,
    TaskRepository,
    TaskRow,
    generate_task_id,
)
from evolink_studio.sandbox.task_runner import SHARED_NAME_PREFIX, TaskRunner
from evolink_studio.sandbox.video.plan import VideoPlan, estimate_work_seconds, plan_video

IDEMPOTENCY_KEY_PATTERN = re.compile(r"[A-Za-z0-9._-]{16,96}")
RETRY_AFTER_SECONDS = 5
# A task is pending for this share of its duration, but at most for so many seconds.
PENDING_SHARE, MAX_PENDING_SECONDS = 0.15, 2.0


class GenerationEndpoints:
    def __init__(
        self, database: Database, settings: SandboxSettings, ledger: Ledger, task_runner: TaskRunner
    ) -> None:
        self._database = database
        self._settings = settings
        self._ledger = ledger
        self._task_runner = task_runner
        self._tasks = TaskRepository(database)
        self._images = ImageRepository(database, settings.images_dir)

    async def create(self, request: Request) -> Response:
        require_key(request)
        body = parse_body(await request.body())
        spec = find_model_spec(body)
        key, digest = _parse_idempotency_key(request), _digest_body(body)
        replayed_task = self._find_replayed_task(key, digest)
        if replayed_task is not None:
            return JSONResponse(
                serialize_created(replayed_task), headers={"Idempotency-Replayed": "true"}
            )
        callback_url = parse_callback_url(
            body, allow_loopback=self._settings.allow_loopback_callbacks
        )
        base_url = get_base_url(request, self._settings)
        parsed_request = parse_request(
            body, spec, lambda url: self._find_image(url, request, base_url)
        )
        behaviour = behaviour_of(parsed_request.prompt_text)
        self._reject_by_scenario(behaviour, key or digest)
        values = self._build_task_values(spec, parsed_request, behaviour)
        task = self._accept_task(
            NewTask(
                **values,
                idempotency_key=key,
                digest=digest,
                callback_url=callback_url,
                base_url=base_url,
            )
        )
        return await self._build_response(task, behaviour)

    def _find_replayed_task(self, key: str | None, digest: str) -> TaskRow | None:
        task = self._tasks.find_by_idempotency_key(key) if key else None
        if task is not None and task.digest != digest:
            raise errors.idempotency_conflict_error()
        return task

    def _find_image(self, url: str, request: Request, base_url: str) -> RequestImage | None:
        hosts = frozenset({request.url.netloc, base_url.partition("://")[2]})
        return self._images.find_by_url(url, hosts)

    def _reject_by_scenario(self, behaviour: Behaviour, fingerprint: str) -> None:
        if behaviour.refusal is not None:
            raise behaviour.refusal()
        if behaviour.rate_limited_attempts == 0:
            return
        row = self._database.fetch_one(
            "INSERT INTO attempt VALUES (?, 1)"
            " ON CONFLICT DO UPDATE SET tries = tries + 1 RETURNING tries",
            fingerprint,
        )
        if row is not None and row["tries"] <= behaviour.rate_limited_attempts:
            raise errors.rate_limit_error(RETRY_AFTER_SECONDS)
        self._database.execute("DELETE FROM attempt WHERE fingerprint = ?", fingerprint)

    def _build_task_values(
        self, spec: SandboxModelSpec, parsed_request: ParsedRequest, behaviour: Behaviour
    ) -> dict[str, Any]:
        now, pace = self._database.now(), self._settings.pace
        usual_seconds = estimate_work_seconds(spec, parsed_request)
        work_seconds = usual_seconds if behaviour.work_seconds is None else behaviour.work_seconds
        plan = plan_video(spec, parsed_request, is_small=behaviour.is_small)
        token = secrets.token_urlsafe(18)
        return {
            "id": generate_task_id(now),
            "token": token,
            "model": spec.name,
            "prompt_text": parsed_request.prompt_text,
            "plan_json": json.dumps(asdict(plan)),
            "video_name": _choose_video_name(plan, token, behaviour),
            "video_state": int(behaviour.failure is not None),
            "created_at": now,
            "starts_at": now + pace * min(MAX_PENDING_SECONDS, PENDING_SHARE * work_seconds),
            "progress_seconds": pace * (usual_seconds if behaviour.is_stalled else work_seconds),
            "due_at": now + pace * work_seconds,
            "estimated_seconds": max(1, math.ceil(pace * min(usual_seconds, work_seconds))),
            "video_seconds": plan.seconds,
            "reserved_units": to_units(
                RATES[spec.name].calculate_price(parsed_request, plan.seconds)
            ),
        }

    def _accept_task(self, new_task: NewTask) -> TaskRow:
        with self._database.transaction():
            if not self._ledger.reserve(new_task.id, new_task.reserved_units):
                raise errors.insufficient_quota_error()
            self._tasks.add(new_task)
        self._task_runner.wake()
        task = self._tasks.get(new_task.id)
        assert task is not None
        return task

    async def _build_response(self, task: TaskRow, behaviour: Behaviour) -> Response:
        response = JSONResponse(serialize_created(task))
        if behaviour.response_mode == ResponseMode.LOST:
            return DroppedConnectionResponse()
        if behaviour.response_mode == ResponseMode.ERROR:
            raise errors.internal_error()
        if behaviour.response_mode == ResponseMode.UNCLEAR:
            raise errors.outcome_unknown_error()
        if behaviour.response_mode == ResponseMode.PROXY_PAGE:
            return HTMLResponse("<!doctype html><title>403 Forbidden</title>", status_code=403)
        if behaviour.response_mode == ResponseMode.GARBLED:
            partial_body = bytes(response.body)[: len(response.body) // 2]
            return Response(partial_body, media_type="application/json")
        if behaviour.response_mode == ResponseMode.AFTER_CALLBACK:
            await self._task_runner.wait_for_callback(task.id)
        return response


def get_base_url(request: Request, settings: SandboxSettings) -> str:
    """The base URL of links, without a trailing slash."""
    return (settings.public_url or str(request.base_url)).rstrip("/")


def _parse_idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not IDEMPOTENCY_KEY_PATTERN.fullmatch(key):
        raise errors.invalid_request_error("Idempotency-Key must be 16 to 96 of A-Z a-z 0-9 . _ -")
    return key


def _digest_body(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _choose_video_name(plan: VideoPlan, token: str, behaviour: Behaviour) -> str:
    if not behaviour.is_shared_video:
        return f"{token}.mp4"
    sound_label = "sound" if plan.has_sound else "silent"
    return f"{SHARED_NAME_PREFIX}{plan.width}x{plan.height}-{plan.seconds}-{sound_label}.mp4"
