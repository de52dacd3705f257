"""Where films are kept when that is not this machine: a store that can be unavailable.

Set as `settings.STORAGES["default"]["BACKEND"]`: "tests.unavailable_storage.UnavailableStorage".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage

from evolink_studio.library.exceptions import StorageUnavailable


class UnavailableStorage(Storage):
    """It raises the errors of the S3 store; `write_count` counts the writes."""

    stored_files: ClassVar[dict[str, bytes]] = {}
    is_unavailable: ClassVar[bool] = False
    write_count: ClassVar[int] = 0

    def _save(self, name: str, content: Any) -> str:
        UnavailableStorage.write_count += 1
        if UnavailableStorage.is_unavailable:
            raise StorageUnavailable()
        self.stored_files[name] = b"".join(content.chunks())
        return name

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        return ContentFile(self.stored_files[name], name)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        if UnavailableStorage.is_unavailable:
            raise StorageUnavailable()
        names = [name for name in self.stored_files if name.startswith(f"{path}/")]
        return [], [name.rpartition("/")[2] for name in names]

    def get_modified_time(self, name: str) -> datetime:
        return datetime.now(UTC)

    def exists(self, name: str) -> bool:
        return name in self.stored_files

    def delete(self, name: str) -> None:
        self.stored_files.pop(name, None)


@contextmanager
def use_unavailable_storage(settings: Any) -> Iterator[type[UnavailableStorage]]:
    """The library's store cannot be reached until `is_unavailable` is False."""
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "tests.unavailable_storage.UnavailableStorage"},
    }
    UnavailableStorage.stored_files = {}
    UnavailableStorage.is_unavailable, UnavailableStorage.write_count = True, 0
    yield UnavailableStorage
    UnavailableStorage.stored_files, UnavailableStorage.is_unavailable = {}, False
