"""What happens to a cut: asked for, leased, made or failed, cancelled. It costs nothing.

The film that comes of it stands among the others: a completed generation without a task, of the
model id CUT_MODEL_ID. Nothing was sent for it, so nothing can be sent again.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from evolink_studio.accounts.models import User
from evolink_studio.catalog import CUT_MODEL_ID
from evolink_studio.core.search import fold_text
from evolink_studio.films.models import Cut
from evolink_studio.generations.models import Charge, GeneratedVideo, Generation
from evolink_studio.generations.services import compute_fingerprint
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import increment_feed_version
from evolink_studio.library.models import Asset

log = structlog.get_logger(__name__)

MAX_PARTS = 50
MAX_SECONDS = 30 * 60  # of the whole cut
MIN_PART_SECONDS = Decimal("0.1")
MAX_PENDING = 5  # of one person
MAX_TITLE_CHARACTERS = 120
LEASE_DURATION = timedelta(seconds=60)
STORING_DURATION = timedelta(minutes=30)  # nothing says meanwhile that it goes on
RETRY_DELAY = timedelta(seconds=30)
MAX_ATTEMPTS = 3  # begun and never ended: the process was killed each time
_MAX_PART_TITLE_CHARACTERS = 80


class CutFailure(models.TextChoices):
    """Why there is no film. None of it was charged."""

    FILM_GONE = "gone", _("One of its films is no longer here. Take it out and make the cut again.")
    UNREADABLE = (
        "unreadable",
        _("One of its films cannot be read. Take out one after the other to find which."),
    )
    DISK_FULL = (
        "disk",
        _("The studio's disk is full. Whoever runs it has to make room; then try again."),
    )
    STORAGE_AWAY = (
        "storage",
        _("The place where films are kept could not be reached. Try again later."),
    )
    BROKEN = "broken", _("It was begun several times and never came to its end.")


class PartsNotUsable(Exception):
    """Some parts are no films of this person, or their times are none."""


class CutTooLong(Exception):
    """More parts than MAX_PARTS, or more than MAX_SECONDS in all."""


class TooManyCuts(Exception):
    """MAX_PENDING cuts of this person wait or are being made."""


@dataclass(frozen=True)
class CutPart:
    """A film of the library and what is taken of it, in seconds."""

    asset_id: int
    begin: Decimal
    end: Decimal

    @property
    def seconds(self) -> Decimal:
        return self.end - self.begin


def create_cut(*, owner: User, title: str, parts: Sequence[CutPart], now: datetime) -> Cut:
    """Ask for a cut of these films, in this order; the worker makes it.

    The same one is not made twice at once. Raises PartsNotUsable, CutTooLong or TooManyCuts.
    """
    if len(parts) > MAX_PARTS or sum(part.seconds for part in parts) > MAX_SECONDS:
        raise CutTooLong
    usable = find_usable_results(owner, [part.asset_id for part in parts])
    if not parts or not all(_is_usable(part, usable) for part in parts):
        raise PartsNotUsable
    stored_parts = [
        {"asset": part.asset_id, "from": float(part.begin), "to": float(part.end)} for part in parts
    ]
    with transaction.atomic():
        # Whoever presses twice at once waits here for the first press.
        User.objects.select_for_update().get(pk=owner.pk)
        pending_cuts = list(
            Cut.objects.filter(owner_id=owner.pk, next_attempt_at__isnull=False).order_by("pk")
        )
        for cut in pending_cuts:
            if (cut.title, cut.parts) == (title, stored_parts):
                return cut
        if len(pending_cuts) >= MAX_PENDING:
            raise TooManyCuts
        return Cut.objects.create(
            owner=owner, title=title, parts=stored_parts, created_at=now, next_attempt_at=now
        )


def find_usable_results(owner: User, asset_ids: Sequence[int]) -> dict[int, GeneratedVideo]:
    """Finished films of this person by the pk of their file, without those in the trash. One query.

    Only what plays as a film: no pictures, no sounds.
    """
    results = GeneratedVideo.objects.filter(
        asset_id__in=asset_ids,
        asset__owner_id=owner.pk,
        asset__kind=Asset.Kind.VIDEO,
        generation__owner_id=owner.pk,
        generation__state=State.COMPLETED,
        generation__trashed_at=None,
    )
    return {result.asset_id: result for result in results.select_related("asset", "generation")}


def _is_usable(part: CutPart, usable: Mapping[int, GeneratedVideo]) -> bool:
    result = usable.get(part.asset_id)
    if result is None or part.begin < 0 or part.seconds < MIN_PART_SECONDS:
        return False
    return result.asset.seconds is None or part.end <= result.asset.seconds


def lease_next(*, now: datetime) -> Cut | None:
    """The cut that waits longest, leased. One query while nothing is due."""
    cut = Cut.objects.filter(next_attempt_at__lte=now).order_by("next_attempt_at").first()
    if cut is None:
        return None
    if cut.attempts >= MAX_ATTEMPTS:
        fail_cut(cut, CutFailure.BROKEN, now=now)
        return None
    changes: dict[str, Any] = {
        "state": Cut.State.RUNNING,
        "lease_id": uuid.uuid4(),
        "next_attempt_at": now + LEASE_DURATION,
        "attempts": cut.attempts + 1,
        "progress": 0,
    }
    # Another worker may have been first: then this is no longer the row that was read.
    unchanged = Cut.objects.filter(
        pk=cut.pk, lease_id=cut.lease_id, next_attempt_at=cut.next_attempt_at
    )
    if not unchanged.update(**changes):
        return None
    _apply(cut, changes)
    return cut


def report_progress(
    cut: Cut, progress: int, *, now: datetime, duration: timedelta = LEASE_DURATION
) -> bool:
    """Store how far it is and renew the lease. False when it was cancelled, or is another's now."""
    return _update_leased(cut, progress=min(99, progress), next_attempt_at=now + duration)


def release_cut(cut: Cut, *, now: datetime) -> bool:
    """Give it back, to be begun again at once: this process ends."""
    return _update_leased(
        cut,
        state=Cut.State.WAITING,
        progress=0,
        attempts=max(0, cut.attempts - 1),
        next_attempt_at=now,
        lease_id=None,
    )


def retry_later(cut: Cut, *, now: datetime) -> bool:
    """What makes it died: begin again soon. The attempt counts."""
    return _update_leased(
        cut,
        state=Cut.State.WAITING,
        progress=0,
        next_attempt_at=now + RETRY_DELAY,
        lease_id=None,
    )


def fail_cut(cut: Cut, failure: CutFailure, *, now: datetime) -> bool:
    """There will be no film."""
    log.warning("cut failed", cut=cut.pk, reason=failure.value)
    return _update_leased(
        cut,
        state=Cut.State.FAILED,
        failure=failure,
        finished_at=now,
        next_attempt_at=None,
        lease_id=None,
    )


def finish_cut(cut: Cut, *, asset: Asset, has_sound: bool, now: datetime) -> bool:
    """Put the film among the others. False when the cut was cancelled, or is another's now."""
    with transaction.atomic():
        version = increment_feed_version(cut.owner_id, affects_credits=False)
        leased = Cut.objects.select_for_update().filter(pk=cut.pk, lease_id=cut.lease_id).first()
        if leased is None or leased.state != Cut.State.RUNNING:
            return False
        generation = _create_generation(cut, asset, has_sound, version, now)
        GeneratedVideo.objects.create(generation=generation, asset=asset, position=0)
        return _update_leased(
            cut,
            state=Cut.State.READY,
            progress=100,
            generation_id=generation.pk,
            finished_at=now,
            next_attempt_at=None,
            lease_id=None,
        )


def _create_generation(
    cut: Cut, asset: Asset, has_sound: bool, version: int, now: datetime
) -> Generation:
    asset_ids = list_part_assets(cut)
    results = find_results(cut.owner_id, asset_ids)
    params = {"parts": _name_parts(cut, results)}
    first = results.get(asset_ids[0]) if asset_ids else None
    generation = Generation.objects.create(
        owner_id=cut.owner_id,
        model_id=CUT_MODEL_ID,
        title=cut.title,
        label_text=fold_text(cut.title),
        params=params,
        fingerprint=compute_fingerprint(CUT_MODEL_ID, params),
        project_id=first.generation.project_id if first else None,
        ratio=first.generation.ratio if first else "",
        seconds=None if asset.seconds is None else round(asset.seconds),
        has_sound=has_sound,
        state=State.COMPLETED,
        progress=100,
        charge=Charge.NONE,
        created_version=version,
        changed_version=version,
        created_at=now,
        accounted_at=now,
        progressed_at=now,
        finished_at=now,
        next_attempt_at=None,
    )
    generation.inputs.set(Asset.objects.filter(pk__in=asset_ids, owner_id=cut.owner_id))
    return generation


def _name_parts(cut: Cut, results: Mapping[int, GeneratedVideo]) -> list[dict[str, object]]:
    named_parts = []
    for part in list_parts(cut):
        result = results.get(part["asset"])
        generation = result.generation if result else None
        title = (generation.title or generation.prompt) if generation else ""
        named_parts.append(
            {
                **part,
                "generation": generation.pk if generation else None,
                "title": title[:_MAX_PART_TITLE_CHARACTERS],
            }
        )
    return named_parts


def find_results(owner_id: int, asset_ids: Sequence[int]) -> dict[int, GeneratedVideo]:
    """What these files are the films of, by the pk of the file. One query."""
    results = GeneratedVideo.objects.filter(
        asset_id__in=asset_ids, generation__owner_id=owner_id
    ).select_related("generation", "asset")
    return {result.asset_id: result for result in results}


def list_parts(cut: Cut) -> list[dict[str, Any]]:
    """The parts as stored, in order; what is none is left out."""
    rows = cut.parts if isinstance(cut.parts, list) else []
    return [dict(row) for row in rows if isinstance(row, Mapping) and _is_pk(row.get("asset"))]


def _is_pk(value: object) -> bool:
    return isinstance(value, int) and 0 < value < 2**63


def list_part_assets(cut: Cut) -> list[int]:
    """The pks of the files of its parts, in order; one may be there several times."""
    return [part["asset"] for part in list_parts(cut)]


def cancel_cut(*, cut: Cut) -> bool:
    """Drop a cut that waits, is being made or failed. False once there is a film."""
    # A worker that makes it now notices by its lease.
    return bool(Cut.objects.filter(pk=cut.pk).exclude(state=Cut.State.READY).delete()[0])


def retry_cut(*, cut: Cut, now: datetime) -> bool:
    """Make a failed cut again from its beginning. False for any other."""
    return bool(
        Cut.objects.filter(pk=cut.pk, state=Cut.State.FAILED).update(
            state=Cut.State.WAITING,
            failure="",
            attempts=0,
            progress=0,
            finished_at=None,
            next_attempt_at=now,
        )
    )


def _update_leased(cut: Cut, **changes: Any) -> bool:
    is_updated = bool(Cut.objects.filter(pk=cut.pk, lease_id=cut.lease_id).update(**changes))
    if is_updated:
        _apply(cut, changes)
    return is_updated


def _apply(cut: Cut, changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        setattr(cut, name, value)
