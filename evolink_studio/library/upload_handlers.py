"""Receiving files: a request that is too large is stopped before its file is read."""

import html
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import (
    StopFutureHandlers,
    StopUpload,
    TemporaryFileUploadHandler,
)
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser

from evolink_studio.library import filenames
from evolink_studio.library.exceptions import (
    DiskFull,
    FileRejected,
    FileTooLarge,
    NoFileUploaded,
    reject_when_disk_full,
)

_UPLOAD_ERROR_ATTRIBUTE = "upload_stopped"


class _NameKeepingParser(MultiPartParser):
    """Django's parser takes the joiners out of names, and with them emoji and letters apart."""

    def sanitize_file_name(self, file_name: str) -> str | None:
        basename = html.unescape(file_name).replace("\\", "/").rsplit("/", 1)[-1]
        name = "".join(
            char for char in basename if char.isprintable() or filenames.is_joiner_or_tag(char)
        )
        return None if name in {"", ".", ".."} else name


class CappedUploadHandler(TemporaryFileUploadHandler):
    """Receives files up to `MAX_UPLOAD_BYTES` from signed-in people; stops everything else.

    Fields before the file are still read, so that the CSRF check works. The reason for a stop is
    stored on the request for `get_upload_error`, because Django has no way to pass it on.
    """

    _is_parsing = False

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, str],
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> Any:
        """The fields and files of the form; None while they are parsed."""
        if self._is_parsing:
            return None
        self._is_parsing = True
        self._content_length = content_length
        self._received_bytes = 0
        assert self.request is not None
        return _NameKeepingParser(META, input_data, self.request.upload_handlers, encoding).parse()

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        if not _is_signed_in(self.request):
            raise StopUpload(connection_reset=True)
        # The other fields of the form have their own limit.
        if self._content_length > _get_upload_limit() + (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0):
            self._stop_upload(FileTooLarge.for_limit())
        self._write_or_stop(lambda: super(CappedUploadHandler, self).new_file(*args, **kwargs))
        raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._received_bytes += len(raw_data)
        if self._received_bytes > _get_upload_limit():
            self._stop_upload(FileTooLarge.for_limit())
        self._write_or_stop(lambda: self.file.write(raw_data))

    def _write_or_stop(self, write: Callable[[], object]) -> None:
        try:
            with reject_when_disk_full():
                write()
        except DiskFull as error:
            self._stop_upload(error)

    def _stop_upload(self, error: FileRejected) -> None:
        setattr(self.request, _UPLOAD_ERROR_ATTRIBUTE, error)
        raise StopUpload(connection_reset=True)


def get_upload_error(request: HttpRequest) -> FileRejected | None:
    """Why the upload of this request was stopped; None when everything arrived."""
    _ = request.FILES  # reads the body, if nobody did yet
    error: FileRejected | None = getattr(request, _UPLOAD_ERROR_ATTRIBUTE, None)
    return error


def get_uploaded_file(request: HttpRequest, field_name: str = "file") -> "UploadedFile[Any]":
    """The file of this field. Raises the reason of a stop; NoFileUploaded when there is none."""
    error = get_upload_error(request)
    if error is not None:
        raise error
    file = request.FILES.get(field_name)
    if not isinstance(file, UploadedFile):
        raise NoFileUploaded
    return file


def _get_upload_limit() -> int:
    limit: int = settings.MAX_UPLOAD_BYTES
    return limit


def _is_signed_in(request: HttpRequest | None) -> bool:
    user = getattr(request, "user", None)
    return user is not None and user.is_authenticated
