"""Parses input into Python values, leniently.

Forms send strings, programs send values; both are parsed here. Parsing never raises: input that
it cannot read becomes `UNREADABLE`, which `validation` refuses.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from evolink_studio.catalog.fields import Control, Field
from evolink_studio.catalog.media import MediaFile
from evolink_studio.catalog.text import is_unicode, is_visible, normalize_text

INTEGER_PATTERN = re.compile(r"[+-]?[0-9]{1,19}")
DECIMAL_PATTERN = re.compile(r"[+-]?[0-9]{0,19}\.[0-9]{1,19}")
SWITCH_VALUES = {"on": True, "true": True, "yes": True, "1": True} | {
    "off": False,
    "false": False,
    "no": False,
    "0": False,
}
MAX_NUMBER = 2**63 - 1  # the largest integer that every JSON parser can hold


class UnreadableValue:
    """Marks input that cannot be parsed; no type accepts it."""


UNREADABLE = UnreadableValue()


def parse_value(field: Field, raw: object) -> Any:
    """The value entered for a field, or None when nothing was.

    A text of which nothing can be seen is nothing.
    """
    if raw is None or (isinstance(raw, str) and not is_visible(raw) and is_unicode(raw)):
        return None
    value = PARSER_BY_CONTROL[field.control](field, raw)
    return None if value == [] or value == "" else value


def _parse_text(_field: Field, raw: object) -> object:
    """As `normalize_text` writes it; "" if nothing of it can be seen."""
    if not isinstance(raw, str) or not is_unicode(raw):
        return UNREADABLE
    return normalize_text(raw) if is_visible(raw) else ""


def _parse_choice(field: Field, raw: object) -> object:
    for option in field.options:
        if _is_same_value(option.value, raw):
            return option.value
    return UNREADABLE


def _is_same_value(value: object, raw: object) -> bool:
    if isinstance(value, bool):
        return raw is value or (
            isinstance(raw, str) and SWITCH_VALUES.get(raw.strip().lower()) is value
        )
    if isinstance(value, int | float):
        number = _parse_numeral(raw.strip()) if isinstance(raw, str) else raw
        return _is_number(number) and number == value
    return isinstance(raw, str) and raw.strip() == value


def _parse_number(field: Field, raw: object) -> object:
    option_value = _parse_choice(field, raw)
    if option_value is not UNREADABLE:
        return option_value
    number = _parse_numeral(raw.strip()) if isinstance(raw, str) else raw
    if isinstance(number, float) and field.is_integer and number.is_integer():
        number = int(number)
    if not _is_number(number):
        return UNREADABLE
    return number if -MAX_NUMBER <= number <= MAX_NUMBER else UNREADABLE


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _parse_numeral(text: str) -> int | float | None:
    if INTEGER_PATTERN.fullmatch(text):
        return int(text)
    return float(text) if DECIMAL_PATTERN.fullmatch(text) else None


def _parse_switch(_field: Field, raw: object) -> object:
    if isinstance(raw, str):
        return SWITCH_VALUES.get(raw.strip().lower(), UNREADABLE)
    return raw if isinstance(raw, bool) else UNREADABLE


def _parse_media(field: Field, raw: object) -> object:
    # Only a MediaFile is accepted, never a mapping that looks like one: whoever creates a
    # MediaFile has checked that the person may use the file.
    items = list(raw) if isinstance(raw, list | tuple) else [raw]
    files = [item if isinstance(item, MediaFile) else UNREADABLE for item in items if item]
    if field.is_multiple:
        return files
    return files[0] if len(files) == 1 else files and UNREADABLE


def _parse_texts(field: Field, raw: object) -> object:
    lines = raw.splitlines() if isinstance(raw, str) else raw
    if not isinstance(lines, list | tuple):
        return UNREADABLE
    texts = [_parse_text(field, line) for line in lines if line is not None]
    return [text for text in texts if text != ""]


def _parse_rows(field: Field, raw: object) -> object:
    """Rows as dicts; a row without any value is left out."""
    if not isinstance(raw, list | tuple):
        return UNREADABLE
    rows = [
        _parse_row(field, row) if isinstance(row, Mapping) else UNREADABLE for row in raw if row
    ]
    return [row for row in rows if row != {}]


def _parse_row(field: Field, raw: Mapping[Any, object]) -> dict[str, Any]:
    cells = {column.name: parse_value(column, raw.get(column.name)) for column in field.columns}
    return {name: value for name, value in cells.items() if value is not None}


PARSER_BY_CONTROL: dict[Control, Callable[[Field, object], object]] = {
    Control.PROMPT: _parse_text,
    Control.TEXT: _parse_text,
    Control.CHOICE: _parse_choice,
    Control.NUMBER: _parse_number,
    Control.SWITCH: _parse_switch,
    Control.MEDIA: _parse_media,
    Control.ROWS: _parse_rows,
    Control.TEXTS: _parse_texts,
}
