"""CSV downloads whose cells a spreadsheet does not run as formulas."""

import csv
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from django.http import StreamingHttpResponse

# A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV Injection"). It drops blanks,
# invisible characters and quotes before it, and knows the signs in full width.
FORMULA_SIGNS = frozenset("=+-@\N{MINUS SIGN}")
CONTROL_PREFIXES = ("\t", "\r", "\n")
_IGNORED_QUOTES = frozenset("'\"`´‘’‚‛“”„‟«»‹›＇＂")
_IGNORED_CATEGORIES = frozenset("ZCM")  # separators, controls and other invisible ones, marks


class _EchoBuffer:
    """A file-like object for csv.writer whose `write` returns the line, for streaming."""

    def write(self, text: str) -> str:
        return text


def build_csv_response(
    filename: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    """A CSV download, streamed while its rows are read."""
    response = StreamingHttpResponse(
        _csv_lines(header, rows), content_type="text/csv; charset=utf-8"
    )
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


def escape_cell(value: object) -> str:
    """A value as text. Text that a spreadsheet would run gets an apostrophe in front."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, int | date):
        return str(value)
    text = str(value)
    return f"'{text}" if _is_formula(text) else text


def _is_formula(text: str) -> bool:
    return text.startswith(CONTROL_PREFIXES) or _first_sign(text) in FORMULA_SIGNS


def _first_sign(text: str) -> str:
    """The first character that a spreadsheet looks at, in its usual width; "" without one."""
    for character in text:
        is_ignored = unicodedata.category(character)[0] in _IGNORED_CATEGORIES
        if not is_ignored and character not in _IGNORED_QUOTES:
            return unicodedata.normalize("NFKC", character)
    return ""


def _csv_lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    writer = csv.writer(_EchoBuffer())
    yield "\ufeff"  # tells spreadsheets that it is UTF-8
    yield writer.writerow([escape_cell(name) for name in header])
    for row in rows:
        yield writer.writerow([escape_cell(value) for value in row])
