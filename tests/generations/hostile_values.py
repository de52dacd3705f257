"""Values that no form would send and no service would store, and how they get there."""

import json

from django.db import connection

from evolink_studio.catalog.fields import Control

# What a request can carry in any field.
HOSTILE_TEXTS = [
    "9" * 30,
    "9" * 10_000,
    "-" + "9" * 30,
    "1e400",
    "1e5",
    "-0",
    "0",
    "-1",
    "NaN",
    "Infinity",
    "-inf",
    "٣",
    "５",
    "²",
    "1_000",
    "0x10",
    "4,0",
    "4.",
    " \t\n",
    "\u200b",
    "\0",
    "5\0",
    "1." + "0" * 10_000 + "1",
    "asset:" + "9" * 30,
    "asset:1",
    "<script>alert(1)</script>",
    "{0} {x!r} %s %(a)s",
    "true",
    "[]",
    '{"a": 1}',
    "x" * 20_000,
    "http://[",
]
# For every field by itself; the whole list goes into all fields at once.
WORST_TEXTS = ["9" * 30, "５", "x" * 20_000]

_DEPTH = 400
# What the database can hold where a value, or all values of a row, should be. As JSON text.
HOSTILE_JSON = {
    "null": "null",
    "true": "true",
    "a number": "5",
    "minus zero": "-0.0",
    "thirty digits": "9" * 30,
    "5000 digits": "9" * 5000,
    "a huge exponent": "1e300",
    "a text": '"9999"',
    "a long text": json.dumps("x" * 50_000),
    "an empty text": '""',
    "an empty list": "[]",
    "an empty object": "{}",
    "a list of all": '[null, true, 5, "x", [], {}, [[1]], {"a": [1]}]',
    "objects in a list": '[{"prompt": {"a": 1}, "duration": [5]}, {"no_such": 1}, {}]',
    "rows of huge numbers": '[{"prompt": 5, "duration": %s}]' % ("9" * 40),
    "thousands of rows": json.dumps([{"prompt": "x", "duration": 1}] * 3000),
    "thousands of files": json.dumps(["asset:1"] * 3000),
    "files that are none": '["asset:", "asset:-1", "asset:%s", 7, null]' % ("9" * 40),
    "nested lists": "[" * _DEPTH + "]" * _DEPTH,
    "nested objects": '{"a":' * _DEPTH + "1" + "}" * _DEPTH,
}


def fill_every_control(spec, text: str) -> dict[str, object]:
    """A request with this text in every control of the form, hidden ones included."""
    data: dict[str, object] = {"_do": text, "keep": text, "_since": text, "_rail": [text, text]}
    data |= {"_defaults": text, "from_model": spec.id, "form_key": text}
    for field in spec.fields:
        data |= fill_control(field, text)
    return data


def fill_control(field, text: str) -> dict[str, object]:
    """A request with this text in one control."""
    if field.control is not Control.ROWS:
        return {field.name: text}
    return {"multi_shot": "true"} | {
        f"{field.name}-{number}-{column.name}": text
        for number in (0, 1, 19, 20)
        for column in field.columns
    }


def fill_every_field(spec, json_text: str) -> str:
    """JSON with this value in every field."""
    pairs = ", ".join(f'"{field.name}": {json_text}' for field in spec.fields)
    return f"{{{pairs}}}"


def store_json(row, column: str, json_text: str) -> None:
    """Write JSON into a column past everything that checks or reads it."""
    is_postgres = connection.vendor == "postgresql"
    value = "CAST(%s AS jsonb)" if is_postgres else "%s"
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE {row._meta.db_table} SET "{column}" = {value} WHERE id = %s',
            [json_text, row.pk],
        )
