"""Taking back a deletion: its notice carries what was deleted, sealed for its owner.

Nothing is kept on the server: who leaves the notice behind has left the way back.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from django.core import signing
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from evolink_studio.accounts.models import User
from evolink_studio.prompts.models import Preset, PromptTemplate

AnyRow = TypeVar("AnyRow", Preset, PromptTemplate)

SEAL_LIFETIME = timedelta(hours=24)
SEALED_NAME = "sealed"  # of the notice's button


def seal_row(row: Preset | PromptTemplate, names: Iterable[str]) -> str:
    """These fields of a row, and when it was made, as a text that nobody else can write."""
    fields = {name: getattr(row, name) for name in names}
    fields["created_at"] = row.created_at.isoformat()
    return signing.dumps(fields, salt=_build_salt(type(row), row.owner_id), compress=True)


def open_row(model: type[AnyRow], text: str, *, owner: User) -> AnyRow | None:
    """The row as it was, not stored; None for another person, or after SEAL_LIFETIME."""
    try:
        fields = signing.loads(text, salt=_build_salt(model, owner.pk), max_age=SEAL_LIFETIME)
    except signing.BadSignature:
        return None
    created_at = datetime.fromisoformat(fields.pop("created_at"))
    return model(owner=owner, created_at=created_at, **fields)


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


def _build_salt(model: type[Preset | PromptTemplate], owner_id: int) -> str:
    return f"prompts.deleted.{model._meta.model_name}.{owner_id}"
