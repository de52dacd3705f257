"""Makes a proof beside the worker's other work, in short slices, from where it last stopped."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from asgiref.sync import sync_to_async
from django.core.cache import cache

from evolink_studio.core.proof import Proof, ProofProgress, advance_proof

PROGRESS_CACHE_KEY = "daily:proof:{name}"  # the cache is a table that all workers share
SLICE_SECONDS = 0.1  # of work, then a pause
PAUSE_SHARE = 0.5  # of the time that the slice took
STORE_INTERVAL_SECONDS = 2.0  # what is lost at most, when the process is killed


def load_progress(proof: Proof, due_at: datetime) -> ProofProgress:
    """How far the run that was due at `due_at` has come; the beginning if there is none."""
    stored = cache.get(PROGRESS_CACHE_KEY.format(name=proof.name))
    if stored is None or stored["due_at"] != due_at:
        return ProofProgress()
    return ProofProgress(**stored["progress"])


def store_progress(proof: Proof, due_at: datetime, progress: ProofProgress) -> None:
    """Store it, so that another process can go on."""
    key = PROGRESS_CACHE_KEY.format(name=proof.name)
    cache.set(key, {"due_at": due_at, "progress": asdict(progress)}, timeout=None)


async def run_proof(
    proof: Proof, progress: ProofProgress, *, due_at: datetime, is_stopping: Callable[[], bool]
) -> None:
    """Go on with a proof until it is done or the process is to end; `progress` is filled.

    That it is done is stored by the caller, once its findings are told.
    """
    steps = proof.run(progress.position)
    advance = sync_to_async(advance_proof, thread_sensitive=False)
    store = sync_to_async(store_progress, thread_sensitive=False)
    stored_at = time.monotonic()
    while not progress.is_done and not is_stopping():
        begun_at = time.monotonic()
        await advance(steps, progress, seconds=SLICE_SECONDS)
        if progress.is_done:
            return
        if time.monotonic() - stored_at >= STORE_INTERVAL_SECONDS:
            await store(proof, due_at, progress)
            stored_at = time.monotonic()
        await asyncio.sleep((time.monotonic() - begun_at) * PAUSE_SHARE)
    await store(proof, due_at, progress)
