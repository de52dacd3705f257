"""Generations in a wanted state. Django uses the wanted instance."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from evolink_studio.accounts.models import User
from evolink_studio.generations.models import ChangeFeed, Charge, GeneratedVideo, Generation
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset

MODEL_ID = "doubao-seedance-1.0-pro-fast"
PROMPT = "A paper boat drifts down a rain-washed street at dusk, lanterns mirrored in the water."
PARAMS = {
    "prompt": PROMPT,
    "image_urls": [],
    "duration": 5,
    "quality": "480p",
    "aspect_ratio": "16:9",
}
CREDITS = Decimal("10.5")
EXPECTED_TIME = timedelta(seconds=165)
BATCH_SIZE = 500
FILM_INTERVAL = timedelta(minutes=10)


def create_running(
    owners: Sequence[User],
    count: int,
    *,
    now: datetime,
    first_poll_delay: timedelta,
    interval: timedelta,
    task_prefix: str = "task-bench",
    latest_share: float = 0.0,
) -> list[Generation]:
    """Tasks in flight, dealt out to the owners.

    Their first reads come after `first_poll_delay`, spread over an interval. Of their expected time
    has passed nothing for the first, up to `latest_share` for the last.
    """
    rows = [
        _build_generation(
            owners[number % len(owners)],
            State.RUNNING,
            now - EXPECTED_TIME * latest_share * number / count,
            task_id=f"{task_prefix}-{number}",
            next_attempt_at=now + first_poll_delay + interval * number / count,
        )
        for number in range(count)
    ]
    return Generation.objects.bulk_create(rows, batch_size=BATCH_SIZE)


def create_completed(owner: User, count: int, *, now: datetime) -> None:
    """Films in the library, one every ten minutes, the newest now; each one change of the feed."""
    moments = (now - FILM_INTERVAL * number for number in reversed(range(count)))
    for batch in _numbered_batches(moments):
        _create_completed_batch(owner, batch)
    ChangeFeed.objects.filter(pk=owner.pk).update(version=count)


@transaction.atomic
def _create_completed_batch(owner: User, moments: list[tuple[int, datetime]]) -> None:
    assets = Asset.objects.bulk_create(
        _build_asset(owner, number, created_at) for number, created_at in moments
    )
    rows = Generation.objects.bulk_create(
        _build_generation(
            owner,
            State.COMPLETED,
            created_at,
            created_version=number,
            changed_version=number,
            finished_at=created_at,
            credits_charged=CREDITS,
        )
        for number, created_at in moments
    )
    GeneratedVideo.objects.bulk_create(
        GeneratedVideo(generation=row, asset=asset, position=0)
        for row, asset in zip(rows, assets, strict=True)
    )


def _numbered_batches(moments: Iterator[datetime]) -> Iterator[list[tuple[int, datetime]]]:
    numbered_moments = enumerate(moments, start=1)
    while batch := list(itertools.islice(numbered_moments, BATCH_SIZE)):
        yield batch


def _build_generation(
    owner: User, state: State, created_at: datetime, **columns: Any
) -> Generation:
    is_completed = state == State.COMPLETED
    state_columns = {
        "last_status": "completed" if is_completed else "processing",
        "charge": Charge.CHARGED if is_completed else Charge.RESERVED,
        "progress": 100 if is_completed else 0,
    }
    return Generation(
        owner=owner,
        model_id=MODEL_ID,
        prompt=PROMPT,
        params=PARAMS,
        fingerprint="0" * 64,
        state=state,
        model_used=MODEL_ID,
        expected_seconds=int(EXPECTED_TIME.total_seconds()),
        credits_estimated=CREDITS,
        credits_reserved=CREDITS,
        created_at=created_at,
        accounted_at=created_at,
        sent_at=created_at,
        accepted_at=created_at,
        progressed_at=created_at,
        **state_columns,
        **columns,
    )


def _build_asset(owner: User, number: int, created_at: datetime) -> Asset:
    return Asset(
        owner=owner,
        kind=Asset.Kind.VIDEO,
        origin=Asset.Origin.RESULT,
        name=f"{MODEL_ID}-{number}-1.mp4",
        file=f"{number}.mp4",
        poster=f"{number}.webp",
        format="mp4",
        mime="video/mp4",
        size_bytes=2_000_000,
        sha256=f"{number:064x}",
        width=864,
        height=480,
        seconds=Decimal(5),
        created_at=created_at,
    )
