"""Reads the prompts of a batch: typed or pasted lines, a text file, a table as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from django.utils.translation import gettext as _

from evolink_studio.catalog import SPECS
from evolink_studio.catalog.fields import Control
from evolink_studio.catalog.text import strip_nul

MAX_BATCH_ROWS = 200
MAX_SOURCE_BYTES = 512 * 1024
PROMPT_COLUMN, MODEL_COLUMN = "prompt", "model"
# What people call a column, beside the names of the models' parameters.
_COLUMN_ALIASES = {"ratio": "aspect_ratio", "length": "duration", "seconds": "duration"}
_UNTYPED_CONTROLS = frozenset({Control.MEDIA, Control.ROWS, Control.TEXTS, Control.PROMPT})


class SourceUnreadable(Exception):
    """A file that is no list of prompts; its text says why, in the person's language."""


@dataclass(frozen=True)
class SourceRow:
    """One prompt. `model_id` is "" and `settings` are empty where the source names none."""

    prompt: str
    model_id: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


def read_lines(text: str) -> list[SourceRow]:
    """A prompt in each line that is not blank."""
    lines = (line.strip() for line in strip_nul(text).splitlines())
    return [SourceRow(line) for line in lines if line]


def read_file(name: str, content: IO[bytes]) -> list[SourceRow]:
    """The rows of a file: a table when its name ends in .csv, else a prompt in each line.

    Raises SourceUnreadable.
    """
    data = content.read(MAX_SOURCE_BYTES + 1)
    if len(data) > MAX_SOURCE_BYTES:
        raise SourceUnreadable(
            _("The file is larger than {n} KB. Split it.").format(n=MAX_SOURCE_BYTES // 1024)
        )
    try:
        text = strip_nul(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SourceUnreadable(
            _("The file is not in UTF-8. In your table program save it as “CSV UTF-8”.")
        ) from error
    rows = _read_table(text) if name.lower().endswith(".csv") else read_lines(text)
    if not rows:
        raise SourceUnreadable(_("There is no prompt in this file."))
    return rows


def _read_table(text: str) -> list[SourceRow]:
    lines = io.StringIO(text, newline="")
    header_line = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header_line.count)
    try:
        records = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "field larger than" in str(error):
            raise SourceUnreadable(
                _("The file has a cell of more than {n} characters.").format(
                    n=csv.field_size_limit()
                )
            ) from error
        raise SourceUnreadable(
            _("The file is not a valid CSV table: a quote is open or closed in the wrong place.")
        ) from error
    columns = _read_header(records[0] if records else [])
    return [
        _read_record(columns, record, number)
        for number, record in enumerate(records[1:], start=2)
        if any(cell.strip() for cell in record)
    ]


def _read_header(cells: Sequence[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    columns = [_COLUMN_ALIASES.get(name, name) for name in names]
    known_names = {PROMPT_COLUMN, MODEL_COLUMN, *_list_setting_names()}
    if PROMPT_COLUMN not in columns:
        raise SourceUnreadable(
            _("The first line must name the columns, and one of them must be “prompt”.")
        )
    unknown_names = [name for name in columns if name not in known_names]
    if unknown_names or len(set(columns)) < len(columns):
        raise SourceUnreadable(
            _("These columns are not known, or named twice: {names}. Known are: {known}.").format(
                names=", ".join(name[:40] for name in unknown_names or columns),
                known=", ".join(sorted(known_names)),
            )
        )
    return columns


def _list_setting_names() -> set[str]:
    """The settings that one cell can hold."""
    return {
        field.name
        for spec in SPECS.values()
        for field in spec.fields
        if field.control not in _UNTYPED_CONTROLS
    }


def _read_record(columns: Sequence[str], record: Sequence[str], number: int) -> SourceRow:
    if len(record) > len(columns):
        raise SourceUnreadable(
            _(
                "Line {number} has more cells than there are columns. Put a text with the "
                "delimiter in it in quotes."
            ).format(number=number)
        )
    cells = {
        name: cell.strip() for name, cell in zip(columns, record, strict=False) if cell.strip()
    }
    prompt, model = cells.pop(PROMPT_COLUMN, ""), cells.pop(MODEL_COLUMN, "")
    return SourceRow(prompt, _find_model_id(model, number) if model else "", cells)


def _find_model_id(name: str, number: int) -> str:
    """The id of a model named by its id or its label."""
    for spec in SPECS.values():
        if name.casefold() in (spec.id.casefold(), spec.label.casefold()):
            return spec.id
    raise SourceUnreadable(
        _("Line {number} names a model that is not offered: {name}.").format(
            number=number, name=name[:80]
        )
    )
