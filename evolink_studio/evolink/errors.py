"""What can go wrong at the provider, named by what it means for money and for a second try.

    EvoLinkError
    ├── NotSent            nothing left this machine: may be sent again
    ├── Unclear            it left, the answer is lost or makes no sense: never sent again by itself
    ├── Refused            a clear no (4xx): nothing is made, nothing is charged
    │   ├── KeyRefused     the key is unknown, disabled or expired
    │   ├── OutOfCredits   the account or the key has too little left
    │   └── NotFound       no such task
    ├── RateLimited        no for now (429)
    ├── Unavailable        something free of charge did not work this time: look again later
    └── NotSaved           a download that the same link will not mend
        ├── LinkDead       the link has ended (403, 404, 410)
        ├── LinkForbidden  the link leads where this studio does not go
        ├── TooLarge       the file is over the limit
        └── NoSpace        the disk is full

The paid POST raises `RequestNotSent`, `OutcomeUnknown`, `RequestRejected` or `RateLimitError`;
everything that only reads or copies raises `RequestRejected`, `RateLimitError`,
`ServiceUnavailableError` or, for downloads, `DownloadError`.
"""

import errno

from evolink_studio.evolink.redaction import sanitize_text

MAX_ERROR_BODY_LENGTH = (
    4_000  # characters: enough to see what was meant, small enough for a table row
)


class EvoLinkError(Exception):
    """Base of all. `message` is for logs: EvoLink's own words where it gave any, else ours.

    `provider_message` are EvoLink's own alone, "" if it gave none: only these may be shown to a
    person. `status` is the HTTP status if one arrived, `code` EvoLink's code as text ("" if none),
    `field` the parameter that EvoLink names, `body` the beginning of the reply. The key never
    stands in any of them.
    """

    provider_message = ""

    def __init__(
        self,
        message: str,
        status: int | None = None,
        code: str = "",
        field: str | None = None,
        body: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.field = field
        self.body = sanitize_text(body, max_length=MAX_ERROR_BODY_LENGTH)


class RequestNotSent(EvoLinkError):
    """Nothing left this machine (no address, no connection, no TLS): sending again is safe."""


class OutcomeUnknown(EvoLinkError):
    """The request left and no sound answer came back: EvoLink may be working, and charging."""


class RequestRejected(EvoLinkError):
    """EvoLink said no: nothing was made, nothing is charged."""


class AuthenticationError(RequestRejected):
    """The API key is unknown, disabled or expired: only an admin can mend this."""


class InsufficientCreditsError(RequestRejected):
    """The account, or the allowance of the key, has too few credits left."""


class NotFoundError(RequestRejected):
    """EvoLink knows no such task (any more)."""


class RateLimitError(EvoLinkError):
    """Too many requests. `retry_after`: seconds, 0 < x ≤ 120, None if not given or not sane."""

    def __init__(
        self,
        message: str,
        status: int | None = None,
        code: str = "",
        field: str | None = None,
        body: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, status, code, field, body)
        self.retry_after = retry_after


class ServiceUnavailableError(EvoLinkError):
    """A call that costs nothing found trouble on the way: keep the state, look again later."""


class DownloadError(EvoLinkError):
    """A file could not be copied here, and trying the same again at once will not help."""


class LinkExpiredError(DownloadError):
    """The link has ended, or never led anywhere."""


class UnsafeUrlError(DownloadError):
    """The link is not one this studio follows: its scheme, its address, or a redirect."""


class FileTooLargeError(DownloadError):
    """The file is larger than the limit given."""


# No space left, or none of this user's share, or a file larger than the disk can hold.
DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DiskFullError(DownloadError):
    """The disk is full, or this user's share of it."""
