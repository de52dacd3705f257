"""The provider as the steps see it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from evolink_studio.evolink.client import EvoLinkClient

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Provider:
    """A client for EvoLink, and what the steps must know besides.

    name         address and key as one short word: copies of files and balances belong to it
    addresses    the addresses named in the settings; private ones are allowed only among these
    callbacks    our own https address, or "" when EvoLink cannot call us
    sandboxed    the provider is on this machine and may be asked more often
    """

    client: EvoLinkClient
    provider_key: str
    base_urls: tuple[str, ...]
    callback_base_url: str
    is_sandbox: bool


def provider_key() -> str:
    """Address and key of the provider, without giving the key away."""
    digest = hashlib.sha256(settings.EVOLINK_API_KEY.encode()).hexdigest()[:8]
    return f"{settings.EVOLINK_API_URL}#{digest}"


def provider_from_settings() -> Provider:
    """The provider that the environment names."""
    client = EvoLinkClient(
        api_url=settings.EVOLINK_API_URL,
        files_url=settings.EVOLINK_FILES_URL,
        api_key=settings.EVOLINK_API_KEY,
        user_agent=settings.EVOLINK_USER_AGENT,
    )
    return Provider(
        client=client,
        provider_key=provider_key(),
        base_urls=(settings.EVOLINK_API_URL, settings.EVOLINK_FILES_URL),
        callback_base_url=settings.PUBLIC_URL,
        is_sandbox=settings.SANDBOXED,
    )
