"""The library's files in an S3 store, shared by several machines.

Its errors are raised as OSError, like those of a disk, so that callers need not tell them apart.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import IO, Any

from botocore.config import Config  # type: ignore[import-untyped]  # has no types
from botocore.exceptions import (  # type: ignore[import-untyped]  # has no types
    BotoCoreError,
    ClientError,
)
from django.core.files.base import File
from storages.backends.s3 import S3Storage  # type: ignore[import-untyped]  # has no types

from evolink_studio.library.exceptions import StorageUnavailable

MAX_MEMORY_BYTES = 8 * 1024 * 1024  # a larger file is read through a temporary one


class S3LibraryStorage(S3Storage):  # type: ignore[misc]  # its base has no types
    """A bucket that can only be read with a signed link.

    The library generates names and never uses one twice, so a write does not check for a file.
    `public_url` is where browsers reach the store, `endpoint_url` where this machine does.
    """

    def __init__(self, *, public_url: str, addressing_style: str = "path", **options: Any) -> None:
        self.public_url = public_url
        config = Config(
            signature_version="s3v4",
            connect_timeout=5,
            read_timeout=30,
            retries={"max_attempts": 3, "mode": "standard"},
            s3={"addressing_style": addressing_style},
            # Many other stores do not know the newer checksums that boto3 adds.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        super().__init__(
            client_config=config, file_overwrite=True, max_memory_size=MAX_MEMORY_BYTES, **options
        )

    def sign_link(self, name: str, *, mime: str, disposition: str, seconds: int) -> str:
        """A URL at the store that gives anybody this file, with this type, for `seconds`."""
        params = {
            "Bucket": self.bucket_name,
            "Key": self._normalize_name(name),
            "ResponseContentType": mime,
            "ResponseContentDisposition": disposition,
            "ResponseCacheControl": f"private, max-age={seconds}",
        }
        link: str = self._signing_client.generate_presigned_url(
            "get_object", params, ExpiresIn=seconds
        )
        return link

    @cached_property
    def _signing_client(self) -> Any:
        return self._create_session().client(
            "s3",
            region_name=self.region_name,
            endpoint_url=self.public_url,
            config=self.client_config,
        )

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        with _convert_to_os_error():
            file: File[Any] = super()._open(name, mode)
            file.open()  # downloaded here, where errors are converted
            return file

    def _save(self, name: str, content: IO[Any]) -> str:
        with _convert_to_os_error():
            return str(super()._save(name, content))

    def delete(self, name: str) -> None:
        with _convert_to_os_error():
            super().delete(name)

    def exists(self, name: str) -> bool:
        with _convert_to_os_error():
            return bool(super().exists(name))

    def size(self, name: str) -> int:
        with _convert_to_os_error():
            return int(super().size(name))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        with _convert_to_os_error():
            folders, files = super().listdir(path)
            return folders, files

    def get_modified_time(self, name: str) -> Any:
        with _convert_to_os_error():
            return super().get_modified_time(name)


@contextmanager
def _convert_to_os_error() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
            raise FileNotFoundError("The store has no such file") from error
        raise StorageUnavailable from error
    except BotoCoreError as error:
        raise StorageUnavailable from error
