"""`POST /v1/videos/generations`: the one request that costs credits."""

import hashlib
import json
import math
import re
import secrets
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from evolink_studio.sandbox import errors
from evolink_studio.sandbox.database import Store
from evolink_studio.sandbox.http import HangUp, require_key
from evolink_studio.sandbox.image_repository import Pictures
from evolink_studio.sandbox.ledger import Ledger, to_units
from evolink_studio.sandbox.model_specs import Model
from evolink_studio.sandbox.parameters import Asked, Picture
from evolink_studio.sandbox.pricing import RATES
from evolink_studio.sandbox.request_parsing import callback_of, check, model_of, read_body
from evolink_studio.sandbox.scenarios import Answer, Plot, plot_of
from evolink_studio.sandbox.serializers import created_answer
from evolink_studio.sandbox.settings import SandboxSettings
from evolink_studio.sandbox.task_repository import NewTask, Task, Tasks, new_id
from evolink_studio.sandbox.task_runner import SHARED, Works
from evolink_studio.sandbox.video.plan import Sketch, sketch, work_seconds

IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9._-]{16,96}")
RETRY_AFTER = 5
# A task waits this share of its work before it begins, but not longer than these seconds.
PENDING_SHARE, PENDING_MOST = 0.15, 2.0


class Generations:
    def __init__(
        self, store: Store, settings: SandboxSettings, ledger: Ledger, works: Works
    ) -> None:
        self._store = store
        self._settings = settings
        self._ledger = ledger
        self._works = works
        self._tasks = Tasks(store)
        self._pictures = Pictures(store, settings.pictures_dir)

    async def create(self, request: Request) -> Response:
        require_key(request)
        body = read_body(await request.body())
        model = model_of(body)
        key, digest = _idempotency_key(request), _digest(body)
        earlier = self._earlier(key, digest)
        if earlier is not None:
            return JSONResponse(created_answer(earlier), headers={"Idempotency-Replayed": "true"})
        callback = callback_of(body, allow_loopback=self._settings.allow_loopback_callbacks)
        base_url = base_url_of(request, self._settings)
        asked = check(body, model, lambda url: self._behind(url, request, base_url))
        plot = plot_of(asked.words)
        self._refuse_by_story(plot, key or digest)
        new = self._new_task(model, asked, plot)
        task = self._accept(
            NewTask(
                **new, idempotency_key=key, digest=digest, callback_url=callback, base_url=base_url
            )
        )
        return await self._answer(task, plot)

    def _earlier(self, key: str | None, digest: str) -> Task | None:
        task = self._tasks.by_idempotency_key(key) if key else None
        if task is not None and task.digest != digest:
            raise errors.idempotency_conflict()
        return task

    def _behind(self, url: str, request: Request, base_url: str) -> Picture | None:
        hosts = frozenset({request.url.netloc, base_url.partition("://")[2]})
        return self._pictures.behind(url, hosts)

    def _refuse_by_story(self, plot: Plot, fingerprint: str) -> None:
        if plot.refusal is not None:
            raise plot.refusal()
        if plot.busy == 0:
            return
        row = self._store.row(
            "INSERT INTO attempt VALUES (?, 1)"
            " ON CONFLICT DO UPDATE SET tries = tries + 1 RETURNING tries",
            fingerprint,
        )
        if row is not None and row["tries"] <= plot.busy:
            raise errors.rate_limited(RETRY_AFTER)
        self._store.change("DELETE FROM attempt WHERE fingerprint = ?", fingerprint)

    def _new_task(self, model: Model, asked: Asked, plot: Plot) -> dict[str, Any]:
        now, pace = self._store.now(), self._settings.pace
        usual = work_seconds(model, asked)
        work = usual if plot.seconds is None else plot.seconds
        plan = sketch(model, asked, small=plot.small)
        token = secrets.token_urlsafe(18)
        return {
            "id": new_id(now),
            "token": token,
            "model": model.name,
            "words": asked.words,
            "sketch": json.dumps(asdict(plan)),
            "film_name": _film_name(plan, token, plot),
            "film_made": int(plot.failure is not None),
            "created": now,
            "works_at": now + pace * min(PENDING_MOST, PENDING_SHARE * work),
            "climbs": pace * (usual if plot.hold else work),
            "due_at": now + pace * work,
            "estimate": max(1, math.ceil(pace * min(usual, work))),
            "seconds": plan.seconds,
            "reserved": to_units(RATES[model.name].price(asked, plan.seconds)),
        }

    def _accept(self, new: NewTask) -> Task:
        with self._store.together():
            if not self._ledger.reserve(new.id, new.reserved):
                raise errors.out_of_credits()
            self._tasks.add(new)
        task = self._tasks.get(new.id)
        assert task is not None
        return task

    async def _answer(self, task: Task, plot: Plot) -> Response:
        answer = JSONResponse(created_answer(task))
        if plot.answer == Answer.LOST:
            return HangUp()
        if plot.answer == Answer.ERROR:
            raise errors.internal_error()
        if plot.answer == Answer.GARBLED:
            half = bytes(answer.body)[: len(answer.body) // 2]
            return Response(half, media_type="application/json")
        if plot.answer == Answer.AFTER_CALLBACK:
            await self._works.called_back(task.id)
        return answer


def base_url_of(request: Request, settings: SandboxSettings) -> str:
    """The address that links begin with, without a slash at its end."""
    return (settings.public_url or str(request.base_url)).rstrip("/")


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise errors.invalid_request("Idempotency-Key must be 16 to 96 of A-Z a-z 0-9 . _ -")
    return key


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _film_name(plan: Sketch, token: str, plot: Plot) -> str:
    if not plot.shared_film:
        return f"{token}.mp4"
    sound = "sound" if plan.sound else "silent"
    return f"{SHARED}{plan.width}x{plan.height}-{plan.seconds}-{sound}.mp4"
