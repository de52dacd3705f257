"""The secrets of a share: the token of its link, and the token of the form on its page.

The form's token stands in for Django's: a guest needs no cookie, and the page sends no referrer.
Whoever has it has read the page of that very share.
"""

import hashlib
import secrets
from datetime import timedelta

from django.core.signing import BadSignature, TimestampSigner

TOKEN_BYTES = 32
FORM_LIFETIME = timedelta(hours=24)


def create_token() -> str:
    """A random text of 256 bits for the path of a link."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_token(token: str) -> str:
    """SHA-256 in hex, as it is stored."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def create_form_token(token_hash: str) -> str:
    """A token for the form on the page of the share with this hash."""
    return _get_signer().sign(token_hash[:32])


def is_form_token_of(token_hash: str, text: str) -> bool:
    """Whether the form is from the page of this share, and no older than FORM_LIFETIME."""
    try:
        return _get_signer().unsign(text, max_age=FORM_LIFETIME) == token_hash[:32]
    except BadSignature:
        return False


def create_press_key(form_token: str, *words: object) -> str:
    """The same for the same words of the same form, as a press that is repeated sends them."""
    return hash_token("\0".join([form_token, *map(str, words)]))


def _get_signer() -> TimestampSigner:
    return TimestampSigner(salt="evolink_studio.sharing.form")
