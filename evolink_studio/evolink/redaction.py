"""Makes text from elsewhere safe to store and log."""

import re

# Control characters forge log lines, PostgreSQL refuses NUL, and half of a surrogate pair (which
# JSON can spell) cannot be written as UTF-8 at all.
_UNSAFE_PATTERN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")

# No real key is as short; a made-up one may be a word that occurs in any answer.
_MIN_SECRET_LENGTH = 8


def sanitize_text(text: str, *, max_length: int) -> str:
    """`text` with unsafe characters as spaces, at most `max_length` characters."""
    return _UNSAFE_PATTERN.sub(" ", text[:max_length]).strip()


def is_clean_text(text: str) -> bool:
    """Whether `text` has no unsafe character."""
    return _UNSAFE_PATTERN.search(text) is None


def redact(body: bytes, secret: bytes) -> bytes:
    """`body` without `secret`, nor a beginning of it at the end of a truncated `body`."""
    if len(secret) < _MIN_SECRET_LENGTH:
        return body
    body = body.replace(secret, b"[key]")
    for length in range(len(secret) - 1, 3, -1):
        if body.endswith(secret[:length]):
            return body[:-length] + b"[key]"
    return body
