"""The money side of one request: each fact is read once, when it is first asked for."""

from functools import cached_property

from evolink_studio.credits.models import FarAccount
from evolink_studio.generations import pages, queries


class Till:
    """One for each request."""

    @cached_property
    def account(self) -> FarAccount:
        """The account at EvoLink as last read, less what was taken since."""
        return pages.account_now()

    @cached_property
    def disk_free(self) -> int | None:
        """Bytes, as the worker last saw them; None before it was ever there."""
        beat = queries.newest_heartbeat()
        return beat.disk_free if beat else None
