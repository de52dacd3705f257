"""Receiving files: a request that is too heavy is stopped before its bytes are read."""

import errno
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

from evolink_studio.library.exceptions import NoFile, NoSpace, NotTaken, TooHeavy

_MARK = "upload_stopped"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class CappedUploadHandler(TemporaryFileUploadHandler):
    """Takes files up to `MAX_UPLOAD_BYTES` into temporary files; stops everything else.

    Fields before the file are still read, so that the form's own protection works. The reason for
    a stop stands on the request, where `stopped` finds it: Django has no way to say it.
    """

    def handle_raw_input(
        self, input_data: Any, META: dict[str, str], content_length: int, *rest: Any, **more: Any
    ) -> None:
        self._announced = content_length
        self._received = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        if not _signed_in(self.request):
            raise StopUpload(connection_reset=True)
        # The fields around a file have a limit of their own.
        if self._announced > _limit() + (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0):
            self._stop(too_heavy())
        self._room(lambda: super(CappedUploadHandler, self).new_file(*args, **kwargs))
        raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._received += len(raw_data)
        if self._received > _limit():
            self._stop(too_heavy())
        self._room(lambda: self.file.write(raw_data))

    def _room(self, write: Callable[[], object]) -> None:
        try:
            write()
        except OSError as error:
            if error.errno not in _FULL:
                raise
            self._stop(NoSpace())

    def _stop(self, reason: NotTaken) -> None:
        setattr(self.request, _MARK, reason)
        raise StopUpload(connection_reset=True)


def stopped(request: HttpRequest) -> NotTaken | None:
    """Why the upload of this request was stopped; None when everything arrived."""
    _ = request.FILES  # reads the body, if nobody did yet
    reason: NotTaken | None = getattr(request, _MARK, None)
    return reason


def arrived(request: HttpRequest, field: str = "file") -> "UploadedFile[Any]":
    """The file of this field. Raises the reason when it was stopped, NoFile when there is none."""
    reason = stopped(request)
    if reason is not None:
        raise reason
    file = request.FILES.get(field)
    if not isinstance(file, UploadedFile):
        raise NoFile
    return file


def too_heavy() -> TooHeavy:
    """The refusal of a file over the limit."""
    return TooHeavy(limit=_limit() // 1024**2)


def _limit() -> int:
    limit: int = settings.MAX_UPLOAD_BYTES
    return limit


def _signed_in(request: HttpRequest | None) -> bool:
    user = getattr(request, "user", None)
    return user is not None and user.is_authenticated
