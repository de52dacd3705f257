"""Where films are kept when that is not this machine: a store that can be away.

settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "tests.elsewhere.Elsewhere"}}
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage

from evolink_studio.library.s3_storage import StorageUnavailableError


class Elsewhere(Storage):
    """Its troubles are those that the S3 store tells of; `tried` counts the writes."""

    kept: ClassVar[dict[str, bytes]] = {}
    away: ClassVar[bool] = False
    tried: ClassVar[int] = 0

    def _save(self, name: str, content: Any) -> str:
        Elsewhere.tried += 1
        if Elsewhere.away:
            raise StorageUnavailableError("The store did not answer")
        self.kept[name] = b"".join(content.chunks())
        return name

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        return ContentFile(self.kept[name], name)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        if Elsewhere.away:
            raise StorageUnavailableError("The store did not answer")
        return [], [name.rpartition("/")[2] for name in self.kept if name.startswith(f"{path}/")]

    def get_modified_time(self, name: str) -> datetime:
        return datetime.now(UTC)

    def exists(self, name: str) -> bool:
        return name in self.kept

    def delete(self, name: str) -> None:
        self.kept.pop(name, None)


@contextmanager
def away(settings: Any) -> Iterator[type[Elsewhere]]:
    """The library is elsewhere, and that cannot be reached until `away` is False."""
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "tests.elsewhere.Elsewhere"}}
    Elsewhere.kept, Elsewhere.away, Elsewhere.tried = {}, True, 0
    yield Elsewhere
    Elsewhere.kept, Elsewhere.away = {}, False
