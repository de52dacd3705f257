"""Cells of a CSV: what a spreadsheet would run is text, and numbers stay numbers."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from evolink_studio.core.csv_export import build_csv_response, escape_cell

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


def test_every_cell_of_a_download_is_escaped_the_names_of_columns_too():
    response = build_csv_response("a.csv", ["=Person", "Film"], [["＝1", "a"], ["b", "\ufeff@c"]])
    text = b"".join(response.streaming_content).decode().removeprefix("\ufeff")
    assert list(csv.reader(io.StringIO(text))) == [
        ["'=Person", "Film"],
        ["'＝1", "a"],
        ["b", "'\ufeff@c"],
    ]
    assert response["Cache-Control"] == "private, no-store"
