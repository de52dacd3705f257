"""Why a file was rejected, with messages for the person.

FileRejected
├── NoFileUploaded       the request has no file
├── InvalidImage         not a picture, or damaged
├── ImageTooLarge        a picture too large to open
├── FileTooLarge         over the limit for uploads
├── TooManyUploads       more files within an hour than a person may add
├── LibraryFull          more bytes than a person's files may take
├── InvalidVideo         not a film, damaged, or cut short
├── InvalidAudio         not a sound file, or damaged
├── FetchFailed          the URL gave no file
├── EditFailed           an edit that cannot be made
├── DiskFull             the disk is full; also an OSError
├── StorageUnavailable   the storage cannot be reached now; also an OSError
└── DatabaseUnavailable  the database did not answer, so the row could not be written
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Self

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from evolink_studio.evolink.errors import DISK_FULL_ERRNOS


class FileRejected(Exception):
    """A file that the library rejects.

    `msgid` has a {placeholder} for each of `values`; `str()` gives the message in the active
    language. `status` is the HTTP status of the response.
    """

    msgid: str = _("This file was not added. Nothing was sent or charged. Try another file.")
    status: int = 400

    def __init__(self, msgid: str = "", **values: object) -> None:
        super().__init__(msgid or self.msgid)
        self.msgid = msgid or self.msgid
        self.values: Mapping[str, object] = values

    def __str__(self) -> str:
        return gettext(self.msgid).format_map(self.values)


class NoFileUploaded(FileRejected):
    msgid = _("No file arrived. Nothing was sent or charged. Choose the file again.")


class InvalidImage(FileRejected):
    msgid = _(
        "This file is not a picture that the studio can open, or it is damaged. Nothing was sent "
        "or charged. Use a JPEG, PNG, WebP, GIF, HEIC or AVIF file."
    )


class ImageTooLarge(FileRejected):
    msgid = _(
        "This picture is too large to open safely: a file of its kind may have {limit} million "
        "pixels, and {side} on a side. Nothing was sent or charged. Make it smaller and add it "
        "again."
    )


class FileTooLarge(FileRejected):
    msgid = _(
        "This file is larger than {limit} MB, the most that can be added here. Nothing was sent "
        "or charged. Make it smaller and add it again."
    )
    status = 413

    @classmethod
    def for_limit(cls) -> Self:
        """With the limit of the setting `MAX_UPLOAD_BYTES`, in MB."""
        return cls(limit=settings.MAX_UPLOAD_BYTES // 1024**2)


class TooManyUploads(FileRejected):
    msgid = _(
        "You added {limit} files within an hour, the most that one person may. Nothing was sent "
        "or charged. Add this one again in {minutes} min."
    )
    status = 429


class LibraryFull(FileRejected):
    msgid = _(
        "There is no room for this file: what one person adds may take {limit} MB. Nothing was "
        "sent or charged. Delete what you no longer need under “From my library”, then add it "
        "again."
    )
    status = 413


class InvalidVideo(FileRejected):
    msgid = _(
        "This file is not a film that plays, or part of it is missing. Nothing was sent or "
        "charged. Use an undamaged MP4, WebM or MOV file."
    )


class InvalidAudio(FileRejected):
    msgid = _(
        "This file is not a sound that plays, or part of it is missing. Nothing was sent or "
        "charged. Use an undamaged MP3, WAV, M4A or OGG file."
    )


class FetchFailed(FileRejected):
    msgid = _(
        "The address did not answer as it should. Nothing was sent or charged. Try again, or "
        "download the file yourself and add it from your device."
    )


class EditFailed(FileRejected):
    msgid = _(
        "This change cannot be made. The picture is as it was; nothing was sent or charged. "
        "Choose another size or picture."
    )


class DiskFull(FileRejected, OSError):
    msgid = _(
        "The studio's disk is full, so this file could not be kept. Nothing was sent or charged. "
        "Please tell whoever runs this studio, then add it again."
    )
    status = 507


class StorageUnavailable(FileRejected, OSError):
    msgid = _(
        "The place where this studio keeps its files cannot be reached right now. Nothing was sent "
        "or charged, and everything else you entered is still here. Add the file again in a minute."
    )
    status = 503


class DatabaseUnavailable(FileRejected):
    msgid = _(
        "The studio's database did not answer, so this file could not be kept. Nothing was sent or "
        "charged, and everything else you entered is still here. Add the file again in a minute."
    )
    status = 503


@contextmanager
def reject_when_disk_full() -> Iterator[None]:
    """Raises DiskFull instead of an OSError with such an errno; any other passes through."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL_ERRNOS:
            raise DiskFull from error
        raise
