"""The far end as the steps see it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from evolink_studio.evolink.client import EvoLink

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Far:
    """A client for EvoLink, and what the steps must know besides.

    name         address and key as one short word: copies of files and balances belong to it
    addresses    the addresses named in the settings; private ones are allowed only among these
    callbacks    our own https address, or "" when EvoLink cannot call us
    sandboxed    the far end is on this machine and may be asked more often
    """

    client: EvoLink
    name: str
    addresses: tuple[str, ...]
    callbacks: str
    sandboxed: bool


def far_name() -> str:
    """Address and key of the far end, without giving the key away."""
    digest = hashlib.sha256(settings.EVOLINK_API_KEY.encode()).hexdigest()[:8]
    return f"{settings.EVOLINK_API_URL}#{digest}"


def far_from_settings() -> Far:
    """The far end that the environment names."""
    client = EvoLink(
        api_url=settings.EVOLINK_API_URL,
        files_url=settings.EVOLINK_FILES_URL,
        key=settings.EVOLINK_API_KEY,
        user_agent=settings.EVOLINK_USER_AGENT,
    )
    return Far(
        client=client,
        name=far_name(),
        addresses=(settings.EVOLINK_API_URL, settings.EVOLINK_FILES_URL),
        callbacks=settings.PUBLIC_URL,
        sandboxed=settings.SANDBOXED,
    )
