"""Films and what made them as one ZIP file, read piece by piece while it is sent.

Nothing is packed tighter, for films cannot be: so the length is known before the first byte, and
whoever receives it sees how far it is, and whether it arrived whole.
"""

import io
import json
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.files.storage import default_storage
from zipstream import ZIP_STORED, ZipStream  # type: ignore[import-untyped]  # has no types

from evolink_studio.catalog import get_label
from evolink_studio.films.exceptions import ZipsBusy
from evolink_studio.films.naming import UniqueNames, build_name
from evolink_studio.generations.models import GeneratedVideo
from evolink_studio.library.models import Asset

MAX_FILMS_PER_ZIP = 2_000
BLOCK_BYTES = 128 * 1024


class FileChanged(OSError):
    """A stored file does not have the length that the library knows. The transfer ends."""


class ZipReader(io.RawIOBase):
    """A ZIP as a file that is read once, from its beginning. `size` is its length in bytes."""

    def __init__(self, parts: ZipStream) -> None:
        self.size = len(parts)
        self._parts: Iterator[bytes] = iter(parts)
        self._rest = b""

    def close(self) -> None:
        """The file that is being read is closed with it."""
        if not self.closed and isinstance(self._parts, Generator):
            self._parts.close()
        super().close()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._rest = part
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)


# Of the eight threads of a web server's process: a slow receiver keeps one as long as it takes.
MAX_REMOTE_ZIPS = 2
_remote_zips = threading.BoundedSemaphore(MAX_REMOTE_ZIPS)


class RemoteZip:
    """The blocks of a ZIP whose files come from a store, read by the thread that sends them.

    Raises ZipsBusy when MAX_REMOTE_ZIPS are being sent by this process.
    """

    def __init__(self, reader: ZipReader) -> None:
        if not _remote_zips.acquire(blocking=False):
            raise ZipsBusy
        self._reader = reader
        self._is_open = True

    def __iter__(self) -> Iterator[bytes]:
        while block := self._reader.read(BLOCK_BYTES):
            yield block

    def close(self) -> None:
        """Called when it is sent, or the receiver has gone."""
        if self._is_open:
            self._is_open = False
            self._reader.close()
            _remote_zips.release()


def is_storage_remote() -> bool:
    """Whether the library's files lie in a store and not on this disk."""
    return hasattr(default_storage, "sign_link")


@dataclass(frozen=True)
class ZipEntry:
    """One file of the ZIP under its name; `sidecar` tells what made it."""

    name: str
    sidecar_name: str
    asset: Asset
    sidecar: bytes


def build_zip(videos: Sequence[GeneratedVideo], *, pattern: str) -> ZipReader:
    """A ZIP of these films, each with a JSON beside it. No query if they are loaded whole."""
    stream = ZipStream(compress_type=ZIP_STORED, sized=True)
    for entry in list_entries(videos, pattern=pattern):
        stream.add(_read_file(entry.asset), entry.name, size=entry.asset.size_bytes)
        stream.add(entry.sidecar, entry.sidecar_name)
    return ZipReader(stream)


def list_entries(videos: Sequence[GeneratedVideo], *, pattern: str) -> list[ZipEntry]:
    """The files of the ZIP, in this order, under names of which none occurs twice."""
    names = UniqueNames.none()
    entries = []
    for video in videos:
        name = names.take(build_name(pattern, video))
        sidecar_name = names.take(f"{name.rpartition('.')[0]}.json")
        entries.append(
            ZipEntry(
                name=name,
                sidecar_name=sidecar_name,
                asset=video.asset,
                sidecar=_format_json(build_sidecar(video, filename=name)),
            )
        )
    return entries


def build_sidecar(video: GeneratedVideo, *, filename: str) -> Mapping[str, object]:
    """Everything that made a film, as JSON takes it. Credits are texts, so that none is rounded."""
    film, asset = video.generation, video.asset
    return {
        "file": filename,
        "number": film.pk,
        "title": film.title,
        "notes": film.notes,
        "tags": sorted(tag.name for tag in film.tags.all()),
        "collections": sorted(collection.name for collection in film.collections.all()),
        "project": film.project and {"name": film.project.name, "client": film.project.client},
        "starred": film.starred_at is not None,
        "prompt": film.prompt,
        "model": {"id": film.model_id, "name": get_label(film.model_id), "used": film.model_used},
        "parameters": film.params,
        "inputs": [
            {"name": source.name, "kind": source.kind, "reference": source.ref}
            for source in film.inputs.all()
        ],
        "based_on": film.based_on_id,
        "task": film.task_id,
        "position": video.position + 1,
        "video": {
            "format": asset.format,
            "bytes": asset.size_bytes,
            "sha256": asset.sha256,
            "width": asset.width,
            "height": asset.height,
            "seconds": None if asset.seconds is None else float(asset.seconds),
        },
        "credits": {
            "estimated": _format_credits(film.credits_estimated),
            "charged": _format_credits(film.credits_charged),
        },
        "times": {
            name: moment and moment.isoformat(timespec="seconds")
            for name, moment in (
                ("created", film.created_at),
                ("sent", film.sent_at),
                ("accepted", film.accepted_at),
                ("finished", film.finished_at),
            )
        },
    }


def _format_credits(amount: object) -> str | None:
    return None if amount is None else f"{amount:f}"


def _format_json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=2, default=str).encode() + b"\n"


def _read_file(asset: Asset) -> Iterator[bytes]:
    """The stored file in blocks; it is opened when its turn comes. Raises FileChanged."""
    size = 0
    with default_storage.open(str(asset.file)) as file:
        while block := file.read(BLOCK_BYTES):
            size += len(block)
            yield block
    if size != asset.size_bytes:
        raise FileChanged(f"{asset.pk} has {size} bytes")


def load_videos(films: Sequence[int]) -> list[GeneratedVideo]:
    """The saved results of these generations with all that a ZIP says of them, oldest first.

    Seven queries for each 500.
    """
    videos: list[GeneratedVideo] = []
    for start in range(0, len(films), 500):
        rows = GeneratedVideo.objects.filter(
            generation__in=films[start : start + 500], generation__emptied_at__isnull=True
        )
        rows = rows.select_related("asset", "generation__project").prefetch_related(
            "generation__tags", "generation__collections", "generation__inputs"
        )
        videos += rows.order_by("generation", "position")
    return videos
