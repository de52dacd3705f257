"""The provider as the pipeline uses it: client, key and settings."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from evolink_studio.evolink.client import EvoLinkClient

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Provider:
    """A client for EvoLink, and what the pipeline must know besides.

    provider_key       identifies address and key: remote copies and balances belong to it
    base_urls          the configured addresses; only these may be private
    callback_base_url  our own https address, or "" when EvoLink cannot call us
    is_sandbox         the provider is on this machine and may be polled more often
    """

    client: EvoLinkClient
    provider_key: str
    base_urls: tuple[str, ...]
    callback_base_url: str
    is_sandbox: bool


def get_provider_key() -> str:
    """Address and hash of the API key: identifies the provider without revealing the key."""
    digest = hashlib.sha256(settings.EVOLINK_API_KEY.encode()).hexdigest()[:8]
    return f"{settings.EVOLINK_API_URL}#{digest}"


def build_provider() -> Provider:
    """The provider of the settings, with a new client."""
    client = EvoLinkClient(
        api_url=settings.EVOLINK_API_URL,
        files_url=settings.EVOLINK_FILES_URL,
        api_key=settings.EVOLINK_API_KEY,
        user_agent=settings.EVOLINK_USER_AGENT,
    )
    return Provider(
        client=client,
        provider_key=get_provider_key(),
        base_urls=(settings.EVOLINK_API_URL, settings.EVOLINK_FILES_URL),
        callback_base_url=settings.PUBLIC_URL,
        is_sandbox=settings.SANDBOXED,
    )
