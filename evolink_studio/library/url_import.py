"""Fetching a file from a URL that a person gave."""

from pathlib import Path

from asgiref.sync import async_to_sync
from django.conf import settings
from django.utils.translation import gettext_noop as _

from evolink_studio.evolink import errors
from evolink_studio.evolink.download import download_file
from evolink_studio.library.exceptions import DiskFull, FetchFailed, FileRejected, FileTooLarge

FETCH_DEADLINE_SECONDS = 20.0  # for the whole file

URL_FORBIDDEN = _(
    "This address cannot be opened: only public http and https addresses that lead straight to "
    "a file are. Nothing was sent or charged. Download the file yourself and add it from your "
    "device."
)
NO_FILE_AT_URL = _(
    "There is no file at this address (any more). Nothing was sent or charged. Check the address, "
    "or add the file from your device."
)


def fetch_url(url: str, destination: Path) -> Path:
    """Download `url` into `destination`, and return it.

    Only public URLs, and EvoLink's own as configured. Raises FetchFailed, FileTooLarge or
    DiskFull.
    """
    try:
        async_to_sync(download_file)(
            url,
            destination,
            trusted_urls=(settings.EVOLINK_API_URL, settings.EVOLINK_FILES_URL),
            max_bytes=settings.MAX_UPLOAD_BYTES,
            deadline=FETCH_DEADLINE_SECONDS,
            user_agent=settings.EVOLINK_USER_AGENT,
        )
    except errors.EvoLinkError as error:
        raise _build_rejection(error) from error
    return destination


def _build_rejection(error: errors.EvoLinkError) -> FileRejected:
    rejection_by_error: dict[type[errors.EvoLinkError], FileRejected] = {
        errors.UnsafeUrlError: FetchFailed(URL_FORBIDDEN),
        errors.LinkExpiredError: FetchFailed(NO_FILE_AT_URL),
        errors.FileTooLargeError: FileTooLarge.for_limit(),
        errors.DiskFullError: DiskFull(),
    }
    return rejection_by_error.get(type(error), FetchFailed())
