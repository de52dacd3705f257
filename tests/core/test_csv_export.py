"""Cells of a CSV: what a spreadsheet would run is text, and numbers stay numbers."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from evolink_studio.core.csv_export import (
    escape_cell,
    format_header,
    format_moment,
    format_rows,
    format_text,
)

SIGNS = ["=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫", "⁼", "⁺", "⁻", "−"]
IGNORED_PREFIXES = [
    "",
    " ",
    "   ",
    "\t",
    "\r",
    "\n",
    "\r\n",
    "\u00a0",
    "\u3000",
    "\u2028",
    "\ufeff",
    "\u200b",
    "\u200d",
    "\u2060",
    "\u00ad",
    "\u202e",
    "\u0301",
    "\x00",
    "\x0b",
    "'",
    '"',
    "“",
    "＇",
    ' "\u200b',
]


@pytest.mark.parametrize("prefix", IGNORED_PREFIXES, ids=repr)
@pytest.mark.parametrize("sign", SIGNS)
def test_what_a_spreadsheet_would_run_is_text(prefix, sign):
    text = f'{prefix}{sign}HYPERLINK("https://evil.example")'
    assert escape_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["\tfilm", "\rfilm", "\nfilm"])
def test_what_may_move_to_the_next_cell_is_text(text):
    assert escape_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "text",
    ["", "a cat", "a = b", "1+1", "film-1", "ada@example.org", " ", "\u200b", '"cat"', "ö=1"],
)
def test_other_text_stays_as_it_is(text):
    assert escape_cell(text) == text


def test_numbers_and_times_stay_what_they_are():
    assert escape_cell(Decimal("-2.0250")) == "-2.0250"
    assert escape_cell(-3) == "-3"
    assert escape_cell(None) == ""
    assert escape_cell(date(2026, 11, 29)) == "2026-11-29"
    assert escape_cell(datetime(2026, 11, 29, 12, tzinfo=UTC)) == "2026-11-29T12:00:00+00:00"


@pytest.mark.parametrize("prefix", [*IGNORED_PREFIXES, "a", "Z", "0", "é", "ſ", "①"], ids=repr)
@pytest.mark.parametrize("sign", [*SIGNS, "", "a"])
def test_the_quick_way_writes_what_the_careful_one_does(prefix, sign):
    for text in (f"{prefix}{sign}", f"{prefix}{sign}1"):
        assert format_text(text) == escape_cell(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("2026-11-29 12:00:01", "2026-11-29T12:00:01+00:00"),
        ("2026-11-29 12:00:01.999999", "2026-11-29T12:00:01+00:00"),
        (datetime(2026, 11, 29, 12, 0, 1, 999999, tzinfo=UTC), "2026-11-29T12:00:01+00:00"),
    ],
)
def test_a_moment_is_written_as_the_database_gives_it(value, text):
    assert format_moment(value) == text


def test_every_cell_of_a_file_is_escaped_the_names_of_columns_too():
    text = format_header(["=Person", "Film"])
    text += format_rows([["＝1", 3], ["b", None]], [format_text, None])
    assert text.startswith("\ufeff")
    assert list(csv.reader(io.StringIO(text.removeprefix("\ufeff")))) == [
        ["'=Person", "Film"],
        ["'＝1", "3"],
        ["b", ""],
    ]


def test_no_rows_are_no_lines():
    assert format_rows([], [format_text, None]) == ""
