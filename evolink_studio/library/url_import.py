"""Fetching a file from an address that a person gave."""

from pathlib import Path

from asgiref.sync import async_to_sync
from django.conf import settings
from django.utils.translation import gettext_noop as _

from evolink_studio.evolink import errors as far
from evolink_studio.evolink.download import download
from evolink_studio.library.exceptions import NoSpace, NotFetched, NotTaken
from evolink_studio.library.upload_handlers import too_heavy

DEADLINE = 20.0  # seconds for the whole file

FORBIDDEN = _(
    "This address cannot be opened: only public http and https addresses that lead straight to "
    "a file are. Nothing was sent or charged. Download the file yourself and add it from your "
    "device."
)
NOTHING_THERE = _(
    "There is no file at this address (any more). Nothing was sent or charged. Check the address, "
    "or add the file from your device."
)


def fetch(url: str, to: Path) -> Path:
    """Download `url` into `to`, and return it.

    Only public addresses, and EvoLink's own as configured. Raises NotFetched, TooHeavy or NoSpace.
    """
    try:
        async_to_sync(download)(
            url,
            to,
            far_ends=(settings.EVOLINK_API_URL, settings.EVOLINK_FILES_URL),
            cap=settings.MAX_UPLOAD_BYTES,
            deadline=DEADLINE,
            user_agent=settings.EVOLINK_USER_AGENT,
        )
    except far.EvoLinkError as error:
        raise _refusal(error) from error
    return to


def _refusal(error: far.EvoLinkError) -> NotTaken:
    refusals: dict[type[far.EvoLinkError], NotTaken] = {
        far.LinkForbidden: NotFetched(FORBIDDEN),
        far.LinkDead: NotFetched(NOTHING_THERE),
        far.TooLarge: too_heavy(),
        far.NoSpace: NoSpace(),
    }
    return refusals.get(type(error), NotFetched())
