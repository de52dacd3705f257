"""Every write to the library. Nothing here asks EvoLink to make something, so nothing costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import structlog
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext_noop as _

from evolink_studio.accounts.models import User
from evolink_studio.core.database import AWAY, is_away
from evolink_studio.library import filenames, storage, url_import
from evolink_studio.library.exceptions import (
    NoSpace,
    NotAFilm,
    NotAPicture,
    NotChanged,
    NotNoted,
    NotReached,
    NotTaken,
)
from evolink_studio.library.media import audio, containers, images, video
from evolink_studio.library.media.images import Picture
from evolink_studio.library.models import Asset
from evolink_studio.library.models import Facts as Facts
from evolink_studio.library.models import facts as facts
from evolink_studio.library.remote_copies import ensure_at_evolink as ensure_at_evolink
from evolink_studio.library.remote_copies import keep_remote_copy as keep_remote_copy
from evolink_studio.library.remote_copies import remote_copy as remote_copy
from evolink_studio.library.upload_handlers import too_heavy


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
    name = filenames.with_ending(filenames.clean(entry.name), entry.format)
    sha256 = storage.digest(path)
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
    ending = filenames.ending(entry.format)
    with (
        storage.placed(path, ending, entry.poster, now) as (file, poster),
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


log = structlog.get_logger(__name__)

RESULT_DAMAGED = _("The film that arrived does not play, or part of it is missing.")
RESULT_NOT_STORED = _("The film is here, but the studio's library could not take it yet.")
RESULT_NO_SPACE = _("The studio's disk is full, so the film could not be copied here yet.")

Kind = Asset.Kind
Origin = Asset.Origin


class _Adder(Protocol):
    def __call__(
        self, *, owner: User, content: BinaryIO, name: str, origin: str, now: datetime
    ) -> Asset: ...


def add_picture(
    *,
    owner: User,
    content: BinaryIO | bytes,
    name: str,
    origin: str = Origin.UPLOAD,
    now: datetime,
) -> Asset:
    """Read a picture safely and keep it, written anew. The same content twice is one asset.

    Raises NotAPicture, TooManyPixels, TooHeavy or NoSpace.
    """
    limit = settings.MAX_UPLOAD_BYTES
    raw = content if isinstance(content, bytes) else content.read(limit + 1)
    if len(raw) > limit:
        raise too_heavy()
    return _keep_picture(images.read(raw), owner.pk, name, origin, now)


def add_film(
    *, owner: User, content: BinaryIO, name: str, origin: str = Origin.UPLOAD, now: datetime
) -> Asset:
    """Keep a film that a person gave, as it is. Raises NotAFilm, TooHeavy or NoSpace."""
    with storage.desk() as desk:
        path = desk / "film"
        storage.note_down(content, path)
        return _keep_film(path, owner.pk, name, origin, now)


def add_sound(
    *, owner: User, content: BinaryIO, name: str, origin: str = Origin.UPLOAD, now: datetime
) -> Asset:
    """Keep a sound that a person gave, as it is. Raises NotASound, TooHeavy or NoSpace."""
    with storage.desk() as desk:
        path = desk / "sound"
        storage.note_down(content, path)
        sound = audio.probe(path)
        entry = Entry(
            owner_id=owner.pk,
            origin=origin,
            name=name,
            kind=Kind.AUDIO,
            format=sound.format,
            mime=sound.mime,
            seconds=sound.seconds,
        )
        return keep(path, entry, now)


_ADDERS: dict[str, _Adder] = {
    Kind.IMAGE: add_picture,
    Kind.VIDEO: add_film,
    Kind.AUDIO: add_sound,
}


def add_upload(*, owner: User, file: "UploadedFile[Any]", kind: str = "", now: datetime) -> Asset:
    """Keep an uploaded file of this kind; without a kind, of the kind that it is."""
    kind = kind or containers.kind_of(file.read(containers.HEAD))
    file.seek(0)
    content: BinaryIO = file  # type: ignore[assignment]  # Django's File reads like one
    with _said_to_the_person():
        return _ADDERS[kind](
            owner=owner, content=content, name=file.name or "", origin=Origin.UPLOAD, now=now
        )


def add_from_address(*, owner: User, url: str, kind: str = Kind.IMAGE, now: datetime) -> Asset:
    """Fetch a file from an address that a person gave, and keep it.

    Raises NotFetched for an address that may not be opened or gives nothing, else as the others.
    """
    with _said_to_the_person(), storage.desk() as desk:
        path = url_import.fetch(url, desk / "fetched")
        name = filenames.from_address(url)
        with path.open("rb") as content:
            return _ADDERS[kind](
                owner=owner, content=content, name=name, origin=Origin.LINK, now=now
            )


def add_result(*, owner_id: int, path: Path, name: str, now: datetime) -> Asset:
    """Check that a downloaded film plays, and move it into the library for good.

    `path` is taken away on success, and only then. `name` is unique for the result, so that a
    second call after a crash finds the first one's asset. Raises NotAFilm; NoSpace or NotReached
    (OSErrors) while its place cannot take it.
    """
    try:
        return _keep_film(path, owner_id, name, Origin.RESULT, now)
    except NotAFilm as error:
        raise NotAFilm(RESULT_DAMAGED) from error
    except NoSpace as error:
        raise NoSpace(RESULT_NO_SPACE) from error
    except OSError as error:
        raise NotReached(RESULT_NOT_STORED) from error


def add_frame(*, asset: Asset, second: Decimal, now: datetime) -> Asset:
    """Keep the frame of a film that is shown at `second`, as a picture. Raises NotAFilm."""
    if asset.kind != Kind.VIDEO:
        raise NotAFilm
    name = f"{filenames.without_ending(asset.name)} {second:.2f} s"
    with _said_to_the_person():
        with storage.local(str(asset.file)) as path:
            picture = video.frame(path, second)
        return _keep_picture(picture, asset.owner_id, name, Origin.FRAME, now)


def edit_picture(
    *, asset: Asset, action: str, width: int = 0, height: int = 0, now: datetime
) -> Asset:
    """Keep an adjusted copy: `fit` to width × height, or `jpeg`. The picture itself stays.

    Raises NotAPicture or NotChanged.
    """
    if asset.kind != Kind.IMAGE:
        raise NotAPicture
    with _said_to_the_person():
        content = storage.content(str(asset.file))
    picture = Picture(content, asset.format, asset.width or 0, asset.height or 0)
    if action == "fit":
        changed = images.fit(picture, width, height)
    elif action == "jpeg":
        changed = images.convert(picture, "jpeg")
    else:
        raise NotChanged
    with _said_to_the_person():
        return _keep_picture(changed, asset.owner_id, asset.name, Origin.EDIT, now)


def sweep(*, now: datetime, needed: storage.Needed) -> int:
    """Remove files that a killed process left without a row. Returns how many.

    `needed` says which unfinished ones somebody still waits for, by their names.
    """
    storage.clear_desks(now, needed)
    try:
        return _sweep_nameless(now)
    except OSError as error:  # tomorrow is another day
        log.warning("not swept", reason=type(error).__name__)
        return 0


def _sweep_nameless(now: datetime) -> int:
    removed = 0
    for some in storage.left_behind(now):
        rows = Asset.objects.filter(Q(file__in=some) | Q(poster__in=some))
        named = {name for pair in rows.values_list("file", "poster") for name in pair}
        nameless = set(some) - named
        storage.remove(nameless)
        removed += len(nameless)
    return removed


@contextmanager
def _said_to_the_person() -> Iterator[None]:
    """A disk, store or database that fails is the studio's trouble, and no error page."""
    try:
        yield
    except NotTaken:
        raise
    except AWAY as error:
        if not is_away(error):
            raise
        log.warning("file not noted", reason=type(error).__name__)
        raise NotNoted from error
    except OSError as error:
        log.exception("files cannot be reached")
        raise NotReached from error


def _keep_picture(picture: Picture, owner_id: int, name: str, origin: str, now: datetime) -> Asset:
    entry = Entry(
        owner_id=owner_id,
        origin=origin,
        name=name,
        kind=Kind.IMAGE,
        format=picture.format,
        mime=picture.mime,
        poster=images.poster(picture),
        width=picture.width,
        height=picture.height,
    )
    with storage.desk() as desk:
        path = desk / "picture"
        path.write_bytes(picture.content)
        return keep(path, entry, now)


def _keep_film(path: Path, owner_id: int, name: str, origin: str, now: datetime) -> Asset:
    film = video.probe(path)
    entry = Entry(
        owner_id=owner_id,
        origin=origin,
        name=name,
        kind=Kind.VIDEO,
        format=film.format,
        mime=film.mime,
        poster=video.poster(path),
        width=film.width,
        height=film.height,
        seconds=film.seconds,
    )
    return keep(path, entry, now)
