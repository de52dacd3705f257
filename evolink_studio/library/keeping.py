"""Taking a finished file into the library: first the file, then its row, or neither."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from django.db import IntegrityError, transaction

from evolink_studio.library import names, shelf
from evolink_studio.library.models import Asset


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is known about a file on its way into the library; `poster` is a WebP."""

    owner_id: int
    origin: str
    name: str
    kind: str
    format: str
    mime: str
    poster: bytes | None = None
    width: int | None = None
    height: int | None = None
    seconds: Decimal | None = None


def keep(path: Path, entry: Entry, now: datetime) -> Asset:
    """Move the file in and write its row. The same content again gives the asset that is there.

    A result is the same only under the same name: two generations may give equal films.
    Raises NoSpace.
    """
    name = names.with_ending(names.clean(entry.name), entry.format)
    sha256 = shelf.digest(path)
    same = Asset.objects.filter(owner_id=entry.owner_id, sha256=sha256)
    if entry.origin == Asset.Origin.RESULT:
        same = same.filter(origin=entry.origin, name=name)
    if (known := same.first()) is not None:
        path.unlink(missing_ok=True)
        return known
    try:
        return _enter(path, entry, name, sha256, now)
    except IntegrityError:  # the same upload twice at the same moment
        return same.get()


def _enter(path: Path, entry: Entry, name: str, sha256: str, now: datetime) -> Asset:
    size = path.stat().st_size
    ending = names.ending(entry.format)
    with (
        shelf.placed(path, ending, entry.poster, now) as (file, poster),
        transaction.atomic(),
    ):
        return Asset.objects.create(
            owner_id=entry.owner_id,
            kind=entry.kind,
            origin=entry.origin,
            name=name,
            file=file,
            poster=poster,
            format=entry.format,
            mime=entry.mime,
            bytes=size,
            sha256=sha256,
            width=entry.width,
            height=entry.height,
            seconds=entry.seconds,
            created=now,
        )
