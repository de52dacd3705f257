"""Generations in a wanted state. Django looks at the wanted world."""

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

MODEL = "doubao-seedance-1.0-pro-fast"
PROMPT = "A paper boat drifts down a rain-washed street at dusk, lanterns mirrored in the water."
PARAMS = {
    "prompt": PROMPT,
    "image_urls": [],
    "duration": 5,
    "quality": "480p",
    "aspect_ratio": "16:9",
}
COST = Decimal("10.5")
BATCH = 500
SPACING = timedelta(minutes=10)


def running(
    owners: Sequence[User], count: int, *, now: datetime, due: timedelta, interval: timedelta
) -> list[Generation]:
    """Tasks in flight, dealt out to the owners; first read after `due`, spread over an interval."""
    rows = [
        _generation(
            owners[number % len(owners)],
            State.RUNNING,
            now,
            task_id=f"task-bench-{number}",
            next_attempt_at=now + due + interval * number / count,
        )
        for number in range(count)
    ]
    return Generation.objects.bulk_create(rows, batch_size=BATCH)


def kept(owner: User, count: int, *, now: datetime) -> None:
    """Films in the library, one every ten minutes, the newest now; each one change of the feed."""
    moments = (now - SPACING * number for number in reversed(range(count)))
    for some in _batches(moments):
        _keep(owner, some)
    ChangeFeed.objects.filter(pk=owner.pk).update(version=count)


@transaction.atomic
def _keep(owner: User, moments: list[tuple[int, datetime]]) -> None:
    films = Asset.objects.bulk_create(_asset(owner, number, at) for number, at in moments)
    rows = Generation.objects.bulk_create(
        _generation(
            owner,
            State.COMPLETED,
            at,
            created_version=number,
            changed_version=number,
            finished_at=at,
            credits_charged=COST,
        )
        for number, at in moments
    )
    GeneratedVideo.objects.bulk_create(
        GeneratedVideo(generation=row, asset=film, position=0)
        for row, film in zip(rows, films, strict=True)
    )


def _batches(moments: Iterator[datetime]) -> Iterator[list[tuple[int, datetime]]]:
    numbered = enumerate(moments, start=1)
    while some := list(itertools.islice(numbered, BATCH)):
        yield some


def _generation(owner: User, state: State, at: datetime, **facts: Any) -> Generation:
    done = state == State.COMPLETED
    standing = {
        "last_status": "completed" if done else "processing",
        "charge": Charge.CHARGED if done else Charge.RESERVED,
        "progress": 100 if done else 0,
    }
    return Generation(
        owner=owner,
        model_id=MODEL,
        prompt=PROMPT,
        params=PARAMS,
        fingerprint="0" * 64,
        state=state,
        model_used=MODEL,
        expected_seconds=165,
        credits_estimated=COST,
        credits_reserved=COST,
        created_at=at,
        sent_at=at,
        accepted_at=at,
        progressed_at=at,
        **standing,
        **facts,
    )


def _asset(owner: User, number: int, at: datetime) -> Asset:
    return Asset(
        owner=owner,
        kind=Asset.Kind.VIDEO,
        origin=Asset.Origin.RESULT,
        name=f"{MODEL}-{number}-1.mp4",
        file=f"{number}.mp4",
        poster=f"{number}.webp",
        format="mp4",
        mime="video/mp4",
        size_bytes=2_000_000,
        sha256=f"{number:064x}",
        width=864,
        height=480,
        seconds=Decimal(5),
        created_at=at,
    )
