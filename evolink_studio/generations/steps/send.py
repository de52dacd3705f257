"""Sending: the one place from which money is spent, in an order of writes that survives a crash.

1. The row is `queued` and durable; pictures are brought to EvoLink (free, may be repeated).
2. One durable commit: `sending`.
3. One POST, never repeated here.
4. One commit: what came of it.

A row found `queued` after a crash may be sent. A row found `sending` becomes `unknown`.
"""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta

import structlog
from asgiref.sync import sync_to_async
from django.db import OperationalError, close_old_connections
from django.urls import reverse

from evolink_studio.catalog import UnknownModel, spec_for
from evolink_studio.evolink.errors import EvoLinkError, Unavailable
from evolink_studio.generations.inputs import FileGone, stored_values
from evolink_studio.generations.models import Generation
from evolink_studio.generations.moves import move
from evolink_studio.generations.states import State
from evolink_studio.generations.steps.far import Clock, Far
from evolink_studio.generations.steps.sent import NotSendable, accepted, not_accepted, not_prepared
from evolink_studio.library.models import Asset
from evolink_studio.library.services import ensure_at_evolink

log = structlog.get_logger(__name__)

POST_TAKES_AT_MOST = timedelta(seconds=120)
KEEP_GAPS = (0.5, 2, 5, 10)  # seconds, besides the patience of the database itself


async def send(generation: Generation, *, held: uuid.UUID, far: Far, clock: Clock) -> None:
    """Send one claimed, queued generation. Every outcome ends in a state that tells the truth."""
    try:
        payload = await _payload(generation, far, clock)
    except Exception as error:  # whatever it is, nothing has left: it may be tried again
        await sync_to_async(not_prepared)(generation, error, held, far, clock())
        return
    if not await sync_to_async(move)(
        generation,
        State.SENDING,
        now=clock(),
        held=held,
        sent=clock(),
        due=clock() + POST_TAKES_AT_MOST,
    ):
        return
    try:
        task = await far.client.create(payload, idempotency_key=_idempotency_key(generation))
    except EvoLinkError as error:
        await _keep(not_accepted, generation, error, held, far, clock())
    else:
        await _keep(accepted, generation, task, held, far, clock())


async def _keep(write: Callable[..., None], *facts: object) -> None:
    """What came of the POST is known nowhere else: write it down, even if the database is away."""
    for gap in KEEP_GAPS:
        try:
            return await sync_to_async(write)(*facts)
        except OperationalError:
            log.exception("not written down yet", again_in=gap)
            await sync_to_async(close_old_connections)()
            await asyncio.sleep(gap)
    return await sync_to_async(write)(*facts)


def _idempotency_key(generation: Generation) -> str:
    return f"studio-{generation.form_key.hex}"


async def _payload(generation: Generation, far: Far, clock: Clock) -> Mapping[str, object]:
    try:
        spec = spec_for(generation.model_id)
        values, assets = await sync_to_async(stored_values)(generation)
    except UnknownModel as error:
        raise NotSendable("rules_changed") from error
    except FileGone as error:
        # Without it EvoLink would make, and charge, something that nobody asked for.
        raise NotSendable("file_missing") from error
    checked = spec.check(values)
    if checked.request is None:
        raise NotSendable("rules_changed")
    urls = {asset.ref: await _url(asset, far, clock) for asset in assets}
    payload = spec.payload(checked.request, urls)
    if far.callbacks:
        payload["callback_url"] = far.callbacks + reverse(
            "callback", args=[generation.callback_token]
        )
    return payload


async def _url(asset: Asset, far: Far, clock: Clock) -> str:
    try:
        return await ensure_at_evolink(far.client, asset=asset, far_end=far.name, now=clock())
    except FileNotFoundError as error:
        raise NotSendable("file_missing") from error
    except OSError as error:  # such as a disk that is away for the moment
        raise Unavailable("A file of the library cannot be read") from error
