"""Reading a posted form: controls by their kind, pictures into the library."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_noop as _

from evolink_studio.accounts.models import User
from evolink_studio.catalog.fields import Control, Field
from evolink_studio.catalog.messages import Problem, Sentence
from evolink_studio.catalog.spec import Spec
from evolink_studio.generations.params import Entered, assets_by_ref, media_of
from evolink_studio.library import services as library
from evolink_studio.library.exceptions import NotTaken
from evolink_studio.library.models import Asset

MOST_ROWS = 20
File: TypeAlias = "UploadedFile[bytes]"
Files: TypeAlias = "MultiValueDict[str, File]"
NOT_YOURS = Sentence(_("This file is no longer in your library. Choose another one."))


def read_form(
    spec: Spec,
    *,
    owner: User,
    data: QueryDict,
    files: Files,
    now: datetime,
) -> Entered:
    """Everything a person entered for this model, as they entered it.

    Files and addresses become files of their library at once, so that nothing has to be chosen
    again when something else is wrong. What cannot be taken is named at its field.
    """
    entered = Entered()
    for field in spec.fields:
        if field.control == Control.MEDIA:
            _take_media(field, entered, owner, data, files, now)
        else:
            value = _READERS.get(field.control, _one)(field, data)
            if value is not None:
                entered.values[field.name] = value
    return entered


def broken_off(spec: Spec, reason: NotTaken) -> Problem:
    """A file that ended the reading of the form: what came after it never arrived.

    It is said where files are given; sent as it is, the form would ask for something else.
    """
    media = [field.name for field in spec.fields if field.control == Control.MEDIA]
    return Problem((media or [spec.fields[0].name])[0], Sentence(reason.text, reason.values))


def _one(field: Field, data: QueryDict) -> object:
    given = data.get(field.name)
    return None if given is None else kept_text(given)


def kept_text(text: str) -> str:
    """Without the NUL that no database column of text or JSON takes."""
    return text.replace("\0", "")


def _rows(field: Field, data: QueryDict) -> object:
    rows = [
        {
            column.name: kept_text(data.get(f"{field.name}-{n}-{column.name}", ""))
            for column in field.columns
        }
        for n in range(MOST_ROWS)
        if any(f"{field.name}-{n}-{column.name}" in data for column in field.columns)
    ]
    return rows or None


_READERS: Mapping[Control, Callable[[Field, QueryDict], object]] = {Control.ROWS: _rows}


def _take_media(
    field: Field,
    entered: Entered,
    owner: User,
    data: QueryDict,
    files: Files,
    now: datetime,
) -> None:
    given = [text.strip() for text in data.getlist(field.name) if text.strip()]
    known = assets_by_ref(given, owner.pk)
    taken: list[Asset] = []
    items: list[str | File] = [*given, *files.getlist(field.name)]
    for item in items:
        try:
            asset = known.get(item) if isinstance(item, str) else None
            taken.append(asset or _add(item, field, owner, now))
        except NotTaken as error:
            entered.problems.append(Problem(field.name, Sentence(error.text, error.values)))
    entered.assets.update({asset.ref: asset for asset in taken})
    if taken:
        entered.values[field.name] = [media_of(asset) for asset in taken]


def _add(item: "str | File", field: Field, owner: User, now: datetime) -> Asset:
    if isinstance(item, UploadedFile):
        return library.add_upload(owner=owner, file=item, kind=_kind(field), now=now)
    if item.startswith(("http://", "https://")):
        return library.add_from_address(owner=owner, url=item, kind=_kind(field), now=now)
    raise NotTaken(NOT_YOURS.text)


def _kind(field: Field) -> str:
    return field.accepts.kind if field.accepts else "image"
