"""All writes to the library. Nothing here starts a generation, so nothing costs credits."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import structlog
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import F, Q, Sum
from django.utils.translation import gettext_noop as _

from evolink_studio.accounts.models import User
from evolink_studio.core.database import UNAVAILABLE_ERRORS, is_unavailable
from evolink_studio.library import filenames, storage, url_import
from evolink_studio.library.exceptions import (
    DatabaseUnavailable,
    DiskFull,
    EditFailed,
    FileRejected,
    FileTooLarge,
    ImageTooLarge,
    InvalidAudio,
    InvalidImage,
    InvalidVideo,
    LibraryFull,
    StorageUnavailable,
    TooManyUploads,
)
from evolink_studio.library.media import audio, containers, images, repackaging, video
from evolink_studio.library.media.cropping import Crop, crop_image
from evolink_studio.library.media.images import EncodedImage, Posters
from evolink_studio.library.media.video import VideoInfo
from evolink_studio.library.models import (
    POSTER_FIELD_BY_SIZE,
    STORED_FILE_FIELDS,
    Asset,
    DeletedFile,
    UploadUsage,
)

log = structlog.get_logger(__name__)

MAX_PICTURE_BYTES = 64 * 1024**2  # of a result: it is opened in memory
UPLOAD_HOUR = timedelta(hours=1)
RESULT_DAMAGED = _("The film that arrived does not play, or part of it is missing.")
RESULT_NOT_STORED = _("The film is here, but the studio's library could not take it yet.")
RESULT_NO_SPACE = _("The studio's disk is full, so the film could not be copied here yet.")


@dataclass(frozen=True, kw_only=True)
class NewAsset:
    """The facts of a file that is to be stored; a sound has no posters."""

    owner_id: int
    origin: str
    name: str
    kind: str
    format: str
    mime: str
    posters: Posters = field(default_factory=dict)
    width: int | None = None
    height: int | None = None
    source_size: tuple[int, int] | None = None
    seconds: Decimal | None = None
    derived_from_id: int | None = None
    derived_at_second: Decimal | None = None


def store_asset(path: Path, new_asset: NewAsset, now: datetime) -> Asset:
    """Move the file into the storage and write its row. Equal content gives the existing asset.

    A result is the same only under the same name: two generations may give equal films.
    Raises DiskFull or LibraryFull.
    """
    name = filenames.replace_extension(filenames.clean_name(new_asset.name), new_asset.format)
    sha256 = storage.compute_sha256(path)
    duplicates = Asset.objects.filter(owner_id=new_asset.owner_id, sha256=sha256)
    if new_asset.origin == Asset.Origin.RESULT:
        duplicates = duplicates.filter(origin=new_asset.origin, name=name)
    if (existing_asset := duplicates.first()) is not None:
        path.unlink(missing_ok=True)
        return existing_asset
    try:
        return _create_asset(path, new_asset, name, sha256, now)
    except IntegrityError:  # the same upload twice at the same moment
        return duplicates.get()


def _create_asset(path: Path, new_asset: NewAsset, name: str, sha256: str, now: datetime) -> Asset:
    size_bytes = path.stat().st_size
    extension = filenames.get_extension(new_asset.format)
    with (
        storage.store_files(path, extension, new_asset.posters, now) as (file, posters),
        transaction.atomic(),
    ):
        if new_asset.origin != Asset.Origin.RESULT:  # films were paid for and always fit
            _reserve_space(new_asset.owner_id, size_bytes, now)
        source_width, source_height = new_asset.source_size or (None, None)
        return Asset.objects.create(
            owner_id=new_asset.owner_id,
            kind=new_asset.kind,
            origin=new_asset.origin,
            name=name,
            file=file,
            **{POSTER_FIELD_BY_SIZE[size]: poster for size, poster in posters.items()},
            format=new_asset.format,
            mime=new_asset.mime,
            size_bytes=size_bytes,
            sha256=sha256,
            width=new_asset.width,
            height=new_asset.height,
            source_width=source_width,
            source_height=source_height,
            seconds=new_asset.seconds,
            derived_from_id=new_asset.derived_from_id,
            derived_at_second=new_asset.derived_at_second,
            created_at=now,
        )


def _count_upload(owner_id: int, now: datetime) -> None:
    """Count one more file of this person, before anything is spent on opening it.

    Raises TooManyUploads beyond UPLOADS_PER_HOUR, LibraryFull when there is no room left at all.
    """
    if settings.LIBRARY_BYTES_PER_PERSON:
        _check_space(owner_id, 1)
    limit = settings.UPLOADS_PER_HOUR
    if not limit:
        return
    _ensure_usage(owner_id, now)
    usage = UploadUsage.objects.filter(owner_id=owner_id)
    # Two uploads at once are counted one after the other: each is one conditional update.
    this_hour = Q(hour_started_at__gt=now - UPLOAD_HOUR)
    if usage.filter(this_hour, upload_count__lt=limit).update(upload_count=F("upload_count") + 1):
        return
    if usage.exclude(this_hour).update(hour_started_at=now, upload_count=1):
        return
    started_at = usage.values_list("hour_started_at", flat=True).get()
    minutes = -(-(started_at + UPLOAD_HOUR - now) // timedelta(minutes=1))
    raise TooManyUploads(limit=limit, minutes=max(minutes, 1))


def _reserve_space(owner_id: int, size_bytes: int, now: datetime) -> None:
    """Inside the transaction that adds a file of this size. Raises LibraryFull.

    The lock makes two files at once see each other.
    """
    if settings.LIBRARY_BYTES_PER_PERSON:
        _ensure_usage(owner_id, now)
        UploadUsage.objects.select_for_update().get(owner_id=owner_id)
        _check_space(owner_id, size_bytes)


def _check_space(owner_id: int, size_bytes: int) -> None:
    added_files = Asset.objects.filter(
        owner_id=owner_id, origin__in=[*set(Asset.Origin) - {Asset.Origin.RESULT}]
    )
    used_bytes = added_files.aggregate(total=Sum("size_bytes"))["total"] or 0
    if used_bytes + size_bytes > settings.LIBRARY_BYTES_PER_PERSON:
        raise LibraryFull(limit=settings.LIBRARY_BYTES_PER_PERSON // 1024**2)


def _ensure_usage(owner_id: int, now: datetime) -> None:
    UploadUsage.objects.get_or_create(owner_id=owner_id, defaults={"hour_started_at": now})


Kind = Asset.Kind
Origin = Asset.Origin


class _Adder(Protocol):
    def __call__(
        self, *, owner: User, content: BinaryIO, name: str, origin: str, now: datetime
    ) -> Asset: ...


def add_image(
    *,
    owner: User,
    content: BinaryIO | bytes,
    name: str,
    origin: str = Origin.UPLOAD,
    now: datetime,
) -> Asset:
    """Decode a picture, encode it again and store it. The same content twice is one asset.

    Raises InvalidImage, ImageTooLarge, FileTooLarge or DiskFull.
    """
    limit = settings.MAX_UPLOAD_BYTES
    data = content if isinstance(content, bytes) else content.read(limit + 1)
    if len(data) > limit:
        raise FileTooLarge.for_limit()
    return _store_image(images.normalize_image(data), owner.pk, name, origin, now)


def add_video(
    *, owner: User, content: BinaryIO, name: str, origin: str = Origin.UPLOAD, now: datetime
) -> Asset:
    """Store a person's film, unchanged where browsers play it. Raises InvalidVideo, FileTooLarge or
    DiskFull."""
    with storage.create_temporary_folder() as folder:
        path = folder / "film"
        storage.copy_limited(content, path)
        return _store_video(path, owner.pk, name, origin, now)


def add_audio(
    *, owner: User, content: BinaryIO, name: str, origin: str = Origin.UPLOAD, now: datetime
) -> Asset:
    """Store a person's sound unchanged. Raises InvalidAudio, FileTooLarge or DiskFull."""
    with storage.create_temporary_folder() as folder:
        path = folder / "sound"
        storage.copy_limited(content, path)
        return _store_audio(path, owner.pk, name, origin, now)


_ADDER_BY_KIND: dict[str, _Adder] = {
    Kind.IMAGE: add_image,
    Kind.VIDEO: add_video,
    Kind.AUDIO: add_audio,
}


def add_upload(*, owner: User, file: "UploadedFile[Any]", kind: str = "", now: datetime) -> Asset:
    """Store an uploaded file of this kind, by default the detected one. Raises FileRejected."""
    with _reject_on_outage():
        _count_upload(owner.pk, now)
    content: BinaryIO = file  # type: ignore[assignment]  # Django's File reads like one
    kind = kind or containers.detect_kind(content)
    content.seek(0)
    with _reject_on_outage():
        return _ADDER_BY_KIND[kind](
            owner=owner, content=content, name=file.name or "", origin=Origin.UPLOAD, now=now
        )


def add_from_url(*, owner: User, url: str, kind: str = Kind.IMAGE, now: datetime) -> Asset:
    """Fetch a file from a URL that a person gave, and store it.

    Raises FetchFailed for a URL that may not be opened or gives no file; any other FileRejected
    like `add_upload`.
    """
    with _reject_on_outage():
        _count_upload(owner.pk, now)
    with _reject_on_outage(), storage.create_temporary_folder() as folder:
        path = url_import.fetch_url(url, folder / "fetched")
        name = filenames.name_from_url(url)
        with path.open("rb") as content:
            return _ADDER_BY_KIND[kind](
                owner=owner, content=content, name=name, origin=Origin.LINK, now=now
            )


def add_result(*, owner_id: int, path: Path, name: str, now: datetime) -> Asset:
    """Check that a downloaded film or sound plays or a picture opens, and move it into the library.

    `path` is removed on success only. `name` is unique for the result, so that a second call
    after a crash finds the first one's asset. Raises InvalidVideo for anything else; DiskFull or
    StorageUnavailable (OSErrors) while the storage cannot take it.
    """
    with path.open("rb") as file:
        kind = containers.detect_kind(file)
    try:
        asset = _STORER_BY_KIND[kind](path, owner_id, name, Origin.RESULT, now)
    except (InvalidVideo, InvalidImage, InvalidAudio, ImageTooLarge) as error:
        raise InvalidVideo(RESULT_DAMAGED) from error
    except DiskFull as error:
        raise DiskFull(RESULT_NO_SPACE) from error
    except OSError as error:
        raise StorageUnavailable(RESULT_NOT_STORED) from error
    path.unlink(missing_ok=True)
    return asset


def add_frame(*, asset: Asset, second: Decimal, now: datetime) -> Asset:
    """Store the frame of a film that is shown at `second` as a picture; beyond its end the last.

    The picture says from which film it is, and where in it. Raises InvalidVideo.
    """
    if asset.kind != Kind.VIDEO:
        raise InvalidVideo
    second = second if asset.seconds is None else min(second, asset.seconds)
    name = f"{filenames.strip_extension(asset.name)} {second:.2f} s"
    with _reject_on_outage():
        _count_upload(asset.owner_id, now)
        with storage.open_local_copy(str(asset.file)) as path:
            image = video.extract_frame(path, second)
        return _store_image(
            image,
            asset.owner_id,
            name,
            Origin.FRAME,
            now,
            derived_from_id=asset.pk,
            derived_at_second=second.quantize(Decimal("0.001")),
        )


def edit_image(
    *, asset: Asset, action: str, width: int = 0, height: int = 0, now: datetime
) -> Asset:
    """Store an edited copy: `action` is "fit" (to width × height pixels) or "jpeg".

    The original stays. Raises InvalidImage or EditFailed.
    """

    def edit(content: bytes) -> EncodedImage:
        if action == "fit":
            return images.fit_image(content, asset.format, width, height)
        if action == "jpeg":
            return images.convert_to_jpeg(content)
        raise EditFailed

    return _store_edit(asset, edit, now)


def crop_picture(*, asset: Asset, crop: Crop, now: datetime) -> Asset:
    """Store a copy that is cropped, turned or padded; the original stays.

    What would be equal to a file of the library is that file. Raises InvalidImage for anything
    that is no picture, EditFailed for a crop that cannot be made.
    """
    return _store_edit(asset, lambda content: crop_image(content, asset.format, crop), now)


def _store_edit(asset: Asset, edit: Callable[[bytes], EncodedImage], now: datetime) -> Asset:
    if asset.kind != Kind.IMAGE:
        raise InvalidImage
    with _reject_on_outage():
        _count_upload(asset.owner_id, now)
        content = storage.read_content(str(asset.file))
    edited_image = edit(content)
    with _reject_on_outage():
        return _store_image(
            edited_image, asset.owner_id, asset.name, Origin.EDIT, now, derived_from_id=asset.pk
        )


def ensure_small_poster(asset: Asset) -> None:
    """Make the small poster of a file from before there were such, once somebody looks at it.

    When that fails, it has none: pages then show the other one.
    """
    if asset.poster_small or not asset.poster:
        return
    try:
        content = images.render_small_poster(storage.read_content(str(asset.poster)))
        name = storage.store_poster(content, "small", str(asset.file))
        if Asset.objects.filter(pk=asset.pk, poster_small=None).update(poster_small=name):
            asset.poster_small = name
        else:  # somebody else was first, or the file was deleted
            storage.delete_file(name)
    except (FileRejected, OSError, *UNAVAILABLE_ERRORS) as error:
        log.warning("small poster not made", asset=asset.pk, reason=type(error).__name__)


def rename_asset(*, asset: Asset, name: str) -> bool:
    """Give a file another name; its extension stays that of its format.

    False when nothing of the name is left that can be shown.
    """
    clean_name = filenames.clean_name(filenames.strip_extension(name.strip()), fallback="")
    if not clean_name:
        return False
    asset.name = filenames.replace_extension(clean_name, asset.format)
    asset.save(update_fields=["name", "search_text"])
    return True


@dataclass(frozen=True)
class Deletion:
    """Which files were deleted, and which stay because something still needs them."""

    deleted_ids: frozenset[int]
    kept_ids: frozenset[int]

    @property
    def deleted_count(self) -> int:
        return len(self.deleted_ids)

    @property
    def kept_count(self) -> int:
        return len(self.kept_ids)


def delete_assets(
    *,
    owner: User,
    asset_ids: Collection[int],
    find_needed: Callable[[Collection[int]], Collection[int]],
) -> Deletion | None:
    """Delete those of these files that the person added; films made here stay.

    `find_needed` picks the ids that must stay, while all are locked. The stored files are deleted
    once the rows are: if the storage is away then, by `delete_orphans` later. None when the person
    added none of these.
    """
    with transaction.atomic():
        assets = list(
            Asset.objects.select_for_update()
            .filter(owner_id=owner.pk, pk__in=asset_ids)
            .exclude(origin=Asset.Origin.RESULT)
            .order_by("pk")
        )
        if not assets:
            return None
        needed_ids = frozenset(find_needed([asset.pk for asset in assets]))
        deleted_assets = [asset for asset in assets if asset.pk not in needed_ids]
        delete_asset_rows(deleted_assets)
    delete_files_of_deleted_rows()
    deleted_ids = frozenset(asset.pk for asset in assets) - needed_ids
    return Deletion(deleted_ids, needed_ids)


def discard_result(asset: Asset) -> None:
    """Delete a film that was just stored and that nothing names."""
    with transaction.atomic():
        delete_asset_rows([asset])
    delete_files_of_deleted_rows()


def delete_asset_rows(assets: Collection[Asset]) -> None:
    """Delete the rows of these files, which are locked, and note what is stored of them.

    Needs a transaction; once it is committed, `delete_files_of_deleted_rows` deletes the files.
    """
    names = {name for asset in assets for name in asset.stored_names}
    DeletedFile.objects.bulk_create(DeletedFile(name=name) for name in sorted(names))
    Asset.objects.filter(pk__in=[asset.pk for asset in assets]).delete()


def delete_files_of_deleted_rows() -> None:
    """Delete up to 1000 of the files whose rows are gone; the rest later."""
    for deleted_file in DeletedFile.objects.order_by("pk")[:1000]:
        if not storage.delete_file(deleted_file.name):
            return  # the storage is away; `delete_orphans` goes on
        deleted_file.delete()


def delete_orphans(*, now: datetime, still_needed: storage.NeededFilter) -> int:
    """Remove files that a killed process left without a row. Returns how many.

    `still_needed` picks the names of unfinished files that must stay.
    """
    storage.remove_stale_temporary_files(now, still_needed)
    delete_files_of_deleted_rows()
    try:
        return _delete_orphan_files(now)
    except OSError as error:  # the next run tries again
        log.warning("orphan check failed", reason=type(error).__name__)
        return 0


def _delete_orphan_files(now: datetime) -> int:
    removed_count = 0
    for candidates in storage.list_orphan_candidates(now):
        orphan_names = _find_unnamed_files(candidates)
        storage.delete_files(orphan_names)
        removed_count += len(orphan_names)
    return removed_count


def _find_unnamed_files(names: Collection[str]) -> set[str]:
    """Those of these stored files that no row names."""
    # Nearly all have a row, which the index finds by the file, and with it its posters.
    files = Asset.objects.filter(file__in=names).values_list("file", flat=True)
    known_stems = {storage.get_stem(name) for name in files}
    other_names = {name for name in names if storage.get_stem(name) not in known_stems}
    if not other_names:
        return set()
    # For what is left every row is asked, since what is deleted is gone.
    is_named = reduce(or_, (Q((f"{field}__in", other_names)) for field in STORED_FILE_FIELDS))
    rows = Asset.objects.filter(is_named).values_list(*STORED_FILE_FIELDS)
    return other_names - {name for row in rows for name in row}


@contextmanager
def _reject_on_outage() -> Iterator[None]:
    """Raises FileRejected when a disk, store or database fails, so that no error page appears."""
    try:
        yield
    except StorageUnavailable:
        log.exception("storage unavailable")
        raise
    except FileRejected:
        raise
    except UNAVAILABLE_ERRORS as error:
        if not is_unavailable(error):
            raise
        log.warning("asset not stored", reason=type(error).__name__)
        raise DatabaseUnavailable from error
    except OSError as error:
        log.exception("storage unavailable")
        raise StorageUnavailable from error


def _store_image(
    image: EncodedImage,
    owner_id: int,
    name: str,
    origin: str,
    now: datetime,
    *,
    derived_from_id: int | None = None,
    derived_at_second: Decimal | None = None,
) -> Asset:
    new_asset = NewAsset(
        owner_id=owner_id,
        origin=origin,
        name=name,
        kind=Kind.IMAGE,
        format=image.format,
        mime=image.mime,
        posters=image.posters,
        width=image.width,
        height=image.height,
        source_size=image.source_size,
        derived_from_id=derived_from_id,
        derived_at_second=derived_at_second,
    )
    with storage.create_temporary_folder() as folder:
        path = folder / "picture"
        path.write_bytes(image.content)
        return store_asset(path, new_asset, now)


def _store_picture(path: Path, owner_id: int, name: str, origin: str, now: datetime) -> Asset:
    if path.stat().st_size > MAX_PICTURE_BYTES:
        raise InvalidImage
    return _store_image(images.normalize_image(path.read_bytes()), owner_id, name, origin, now)


def _store_audio(path: Path, owner_id: int, name: str, origin: str, now: datetime) -> Asset:
    info = audio.probe_audio(path)
    new_asset = NewAsset(
        owner_id=owner_id,
        origin=origin,
        name=name,
        kind=Kind.AUDIO,
        format=info.format,
        mime=info.mime,
        seconds=info.seconds,
    )
    return store_asset(path, new_asset, now)


def _store_video(path: Path, owner_id: int, name: str, origin: str, now: datetime) -> Asset:
    info = video.probe_video(path)
    is_mov_kept = origin != Origin.RESULT  # for a model that takes one
    with storage.create_temporary_folder() as folder:
        copy_path = repackaging.repackage(path, folder / "film", is_mov_kept=is_mov_kept)
        if copy_path is not None:
            path, info = copy_path, video.probe_video(copy_path)
        return _store_probed_video(path, info, owner_id, name, origin, now)


def _store_probed_video(
    path: Path, info: VideoInfo, owner_id: int, name: str, origin: str, now: datetime
) -> Asset:
    new_asset = NewAsset(
        owner_id=owner_id,
        origin=origin,
        name=name,
        kind=Kind.VIDEO,
        format=info.format,
        mime=info.mime,
        posters=info.posters,
        width=info.width,
        height=info.height,
        seconds=info.seconds,
    )
    asset = store_asset(path, new_asset, now)
    asset.has_audio = info.has_audio
    return asset


_Storer = Callable[[Path, int, str, str, datetime], Asset]
_STORER_BY_KIND: dict[str, _Storer] = {
    Kind.IMAGE: _store_picture,
    Kind.VIDEO: _store_video,
    Kind.AUDIO: _store_audio,
}
