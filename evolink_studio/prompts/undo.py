"""Taking back a deletion: its notice carries what was deleted, sealed for its owner.

Nothing is kept on the server: who leaves the notice behind has left the way back.
"""

from collections.abc import Mapping
from datetime import timedelta

from django.core import signing
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from evolink_studio.accounts.models import User

SEAL_LIFETIME = timedelta(hours=24)
SEALED_NAME = "sealed"  # of the notice's button


def seal(*, kind: str, owner_id: int, fields: Mapping[str, object]) -> str:
    """A text that `open_seal` reads again, and that nobody else can write."""
    return signing.dumps(dict(fields), salt=_build_salt(kind, owner_id), compress=True)


def open_seal(text: str, *, kind: str, owner: User) -> dict[str, object] | None:
    """What was sealed; None for another person, another kind, or after SEAL_LIFETIME."""
    try:
        fields: dict[str, object] = signing.loads(
            text, salt=_build_salt(kind, owner.pk), max_age=SEAL_LIFETIME
        )
    except signing.BadSignature:
        return None
    return fields


def build_undo_notice(text: str, *, url: str, sealed: str) -> SafeString:
    """The text with a button that sends the sealed text to `url`."""
    return format_html(
        '{} <button class="link" type="submit" form="undo-form" formaction="{}" name="{}" '
        'value="{}">{}</button>',
        text,
        url,
        SEALED_NAME,
        sealed,
        gettext("Undo"),
    )


def _build_salt(kind: str, owner_id: int) -> str:
    return f"prompts.deleted.{kind}.{owner_id}"
