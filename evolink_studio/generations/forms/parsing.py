"""Parses a posted form by the kind of its controls, and stores its files in the library."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import TypeAlias

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_noop as _

from evolink_studio.accounts.models import User
from evolink_studio.catalog.fields import Control, Field
from evolink_studio.catalog.messages import FieldError, FieldNotice, Message
from evolink_studio.catalog.spec import ModelSpec
from evolink_studio.catalog.text import strip_nul
from evolink_studio.catalog.validation import TOO_MANY_ITEMS
from evolink_studio.generations.forms.controls import to_form_value
from evolink_studio.generations.params import (
    MAX_FILES,
    MAX_ROWS,
    FormData,
    build_media_file,
    get_assets_by_ref,
)
from evolink_studio.library import services as library
from evolink_studio.library.exceptions import FetchFailed, FileRejected
from evolink_studio.library.models import Asset

MAX_URL_CHARACTERS = 2048
File: TypeAlias = "UploadedFile[bytes]"
Files: TypeAlias = "MultiValueDict[str, File]"
FILE_PENDING = Message(
    _("A file is still being added here, so nothing was sent. Press Generate again when it is in.")
)
URL_SCHEMES = ("http://", "https://")
ONE_FILE_FITS = Message(
    _("Only one file fits here, and the last one counts: {name}. Left out: {dropped_names}.")
)
FILE_NOT_IN_LIBRARY = Message(_("This file is no longer in your library. Choose another one."))


def parse_form(
    spec: ModelSpec,
    *,
    owner: User,
    data: QueryDict,
    files: Files,
    now: datetime,
) -> FormData:
    """Everything a person entered for this model, unchecked.

    Files and file URLs are stored in their library at once, so that they need not be chosen again
    when something else is wrong. A refused file becomes an error of its field.
    """
    form_data = FormData()
    for field in spec.fields:
        if field.control == Control.MEDIA:
            _parse_media(field, form_data, owner, data, files, now)
        else:
            value = _PARSERS.get(field.control, _parse_text)(field, data)
            if value is not None:
                form_data.values[field.name] = value
    return form_data


def drop_untouched_defaults(spec: ModelSpec, form_data: FormData, shown_defaults: str) -> None:
    """Remove the defaults that the page showed and the person left as they were.

    `shown_defaults` is the `defaults_json` of that page: the defaults of the fields in which
    nothing had been chosen. A default that depends on another field then follows it, as the ratio
    follows a picture. What can no longer be a default of its field is sent as it was shown.
    """
    try:
        defaults = json.loads(shown_defaults)
    except (ValueError, RecursionError):
        return
    for name in defaults if isinstance(defaults, dict) else ():
        value = form_data.values.get(name)
        if not isinstance(value, str) or value != defaults[name]:
            continue
        if value in {to_form_value(default) for default in spec.list_defaults(name)}:
            del form_data.values[name]


def build_pending_errors(spec: ModelSpec, data: QueryDict) -> list[FieldError]:
    """Errors of files that the page still shows as being added, by `_pending`: a parameter each.

    They keep a form from being sent with less than it shows.
    """
    media_fields = [field.name for field in spec.fields if field.control == Control.MEDIA]
    fallback = (media_fields or [spec.fields[0].name])[0]
    names = dict.fromkeys(data.getlist("_pending"))
    return [FieldError(name if name in media_fields else fallback, FILE_PENDING) for name in names]


def build_upload_aborted_error(spec: ModelSpec, error: FileRejected) -> FieldError:
    """The error of a file that stopped the upload, so that later fields never arrived.

    It stands at the first media field, and keeps the incomplete form from being sent.
    """
    media_fields = [field.name for field in spec.fields if field.control == Control.MEDIA]
    return FieldError(
        (media_fields or [spec.fields[0].name])[0], Message(error.msgid, error.values)
    )


def _parse_text(field: Field, data: QueryDict) -> object:
    text = data.get(field.name)
    return None if text is None else strip_nul(text)


def _parse_rows(field: Field, data: QueryDict) -> object:
    rows = [
        {
            column.name: strip_nul(data.get(f"{field.name}-{n}-{column.name}", ""))
            for column in field.columns
        }
        for n in range(MAX_ROWS)
        if any(f"{field.name}-{n}-{column.name}" in data for column in field.columns)
    ]
    return rows or None


_PARSERS: Mapping[Control, Callable[[Field, QueryDict], object]] = {Control.ROWS: _parse_rows}


def _parse_media(
    field: Field,
    form_data: FormData,
    owner: User,
    data: QueryDict,
    files: Files,
    now: datetime,
) -> None:
    """Files in the order of the form: those it held, those chosen on the device, addresses."""
    texts = [text.strip() for text in data.getlist(field.name) if text.strip()]
    urls = [text for text in texts if text.startswith(URL_SCHEMES)]
    references = [text for text in texts if text not in urls]
    groups: list[list[str | File]] = [[*references], [*files.getlist(field.name)], [*urls]]
    item_count = sum(map(len, groups))
    if item_count > MAX_FILES:
        message = TOO_MANY_ITEMS.with_values(limit=_count_slots(field), count=item_count)
        form_data.field_errors.append(FieldError(field.name, message))
        return
    known_assets = get_assets_by_ref(references, owner.pk)
    asset_groups = [
        _store_group(group, known_assets, field, form_data, owner, now) for group in groups
    ]
    if _count_slots(field) == 1:
        asset_groups = _keep_last_group(field, asset_groups, form_data)
    assets = list(chain.from_iterable(asset_groups))
    form_data.assets.update({asset.ref: asset for asset in assets})
    if assets:
        form_data.values[field.name] = [build_media_file(asset) for asset in assets]


def _count_slots(field: Field) -> int:
    """How many files fit."""
    return (field.max_items or MAX_FILES) if field.is_multiple else 1


def _keep_last_group(
    field: Field, groups: list[list[Asset]], form_data: FormData
) -> list[list[Asset]]:
    """Of a file that was there, one chosen and an address, the last counts, which is said."""
    *dropped_groups, kept_group = [group for group in groups if group] or [[]]
    dropped_names = [asset.name for group in dropped_groups for asset in group]
    if dropped_names:
        message = ONE_FILE_FITS.with_values(
            name=", ".join(asset.name for asset in kept_group),
            dropped_names=", ".join(dropped_names),
        )
        form_data.notices.append(FieldNotice(field.name, message))
    return [kept_group]


def _store_group(
    items: "Sequence[str | File]",
    known_assets: Mapping[str, Asset],
    field: Field,
    form_data: FormData,
    owner: User,
    now: datetime,
) -> list[Asset]:
    """The files in the library; a refused one becomes an error of its field."""
    assets: list[Asset] = []
    for item in items:
        try:
            asset = known_assets.get(item) if isinstance(item, str) else None
            assets.append(asset or _store_media(item, field, owner, now))
        except FileRejected as error:
            form_data.field_errors.append(
                FieldError(field.name, Message(error.msgid, error.values))
            )
    return assets


def _store_media(item: "str | File", field: Field, owner: User, now: datetime) -> Asset:
    if isinstance(item, UploadedFile):
        return library.add_upload(owner=owner, file=item, kind=field.media_kind, now=now)
    if item.startswith(URL_SCHEMES):
        if len(item) > MAX_URL_CHARACTERS:
            raise FetchFailed
        return library.add_from_url(owner=owner, url=item, kind=field.media_kind, now=now)
    raise FileRejected(FILE_NOT_IN_LIBRARY.msgid)
