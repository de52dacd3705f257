"""Errors of the provider, named by what they mean for money and for a second try.

    EvoLinkError
    ├── RequestNotSent                nothing left this machine: may be sent again
    ├── OutcomeUnknown                sent, but no valid answer: never sent again automatically
    ├── RequestRejected               rejected in EvoLink's words: nothing is made, nothing charged
    │   ├── AuthenticationError       the key is unknown, disabled or expired
    │   ├── InsufficientCreditsError  the account or the key has too few credits left
    │   └── NotFoundError             no such task
    ├── RateLimitError                try later (429)
    ├── ServiceUnavailableError       a free request failed: try later
    └── DownloadError                 a download failed, and the same link will not help
        ├── LinkExpiredError          the link has ended (403, 404, 410)
        ├── UnsafeUrlError            the link leads where this studio does not go
        ├── FileTooLargeError         the file is over the limit
        └── DiskFullError             the disk is full

The paid POST raises `RequestNotSent`, `OutcomeUnknown`, `RequestRejected` or `RateLimitError`;
everything that only reads or copies raises `RequestRejected`, `RateLimitError`,
`ServiceUnavailableError` or, for downloads, `DownloadError`.
"""

import errno

from evolink_studio.evolink.redaction import sanitize_text

MAX_ERROR_BODY_LENGTH = 4_000  # characters


class EvoLinkError(Exception):
    """Base class. None of its texts contains the API key.

    message           for logs: EvoLink's message if there is one, else our own
    provider_message  EvoLink's message and figures, "" if none; only this may be shown to a person
    status            the HTTP status, None if none arrived
    code              EvoLink's error code as text, "" if none
    field             the parameter that EvoLink names, or None
    body              the beginning of the reply
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
    """The request was sent, and no answer proves what became of it: EvoLink may be working, and
    charging. With a `status` there was an answer, but none that EvoLink surely gave."""


class RequestRejected(EvoLinkError):
    """EvoLink rejected the request in an error of its own: nothing was made, nothing is charged."""


class AuthenticationError(RequestRejected):
    """The API key is unknown, disabled or expired: only an admin can fix this."""


class InsufficientCreditsError(RequestRejected):
    """The account, or the allowance of the key, has too few credits left."""


class NotFoundError(RequestRejected):
    """EvoLink does not know the task, or no longer."""


class RateLimitError(EvoLinkError):
    """Too many requests. `retry_after`: seconds, 0 < x ≤ 120, None if missing or out of range."""

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
    """A free request failed: keep the state, try again later."""


class DownloadError(EvoLinkError):
    """A file could not be downloaded, and trying the same link again at once will not help."""


class LinkExpiredError(DownloadError):
    """The link has ended, or never existed."""


class UnsafeUrlError(DownloadError):
    """This studio does not follow the link: its scheme, its address, or a redirect."""


class FileTooLargeError(DownloadError):
    """The file is larger than the given limit."""


# No space left, quota exceeded, or a file larger than the file system allows.
DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DiskFullError(DownloadError):
    """The disk or this user's quota on it is full."""
