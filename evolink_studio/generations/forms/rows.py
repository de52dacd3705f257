"""Rows of a list control: adding, removing and moving them, and which of them count."""

from collections.abc import Callable, Mapping, Sequence

from evolink_studio.catalog.fields import Control
from evolink_studio.catalog.messages import FieldError
from evolink_studio.catalog.spec import ModelSpec

Rows = list[object]


def edit_rows(spec: ModelSpec, values: dict[str, object], command: str) -> None:
    """Carry out `<param>:add` or `<param>:remove|up|down:<row>`; anything else changes nothing."""
    name, _, rest = command.partition(":")
    action, _, number = rest.partition(":")
    list_fields = {field.name for field in spec.fields if field.control is Control.ROWS}
    if name not in list_fields or action not in _ACTIONS:
        return
    rows = values.get(name)
    rows = list(rows) if isinstance(rows, list) else []
    index = int(number) if number.isdecimal() and len(number) < 4 else len(rows)
    _ACTIONS[action](rows, index)
    values[name] = rows


def _add_row(rows: Rows, index: int) -> None:
    rows.append({})


def _remove_row(rows: Rows, index: int) -> None:
    del rows[index : index + 1]


def _move_row_up(rows: Rows, index: int) -> None:
    _swap_rows(rows, index - 1)


def _move_row_down(rows: Rows, index: int) -> None:
    _swap_rows(rows, index)


def _swap_rows(rows: Rows, first: int) -> None:
    if 0 <= first < len(rows) - 1:
        rows[first], rows[first + 1] = rows[first + 1], rows[first]


_ACTIONS: dict[str, Callable[[Rows, int], None]] = {
    "add": _add_row,
    "remove": _remove_row,
    "up": _move_row_up,
    "down": _move_row_down,
}


def row_positions(rows: Sequence[object]) -> dict[int, int]:
    """The place of each row, as problems count it: rows with nothing in them have none."""
    filled_rows = [
        number for number, row in enumerate(rows) if not all(map(_is_blank, _cell_values(row)))
    ]
    return {number: position for position, number in enumerate(filled_rows)}


def is_filled_in(error: FieldError, value: object) -> bool:
    """Whether a person has entered what the problem is about: one cell, or all there is."""
    rows = value if isinstance(value, list) else [value]
    if error.index is None or error.column is None:
        cells = [cell for row in rows for cell in _cell_values(row)]
        return bool(cells) and not any(map(_is_blank, cells))
    for number, position in row_positions(rows).items():
        if position == error.index and isinstance(row := rows[number], Mapping):
            return not _is_blank(row.get(error.column))
    return False


def _cell_values(row: object) -> list[object]:
    return (list(row.values()) or [None]) if isinstance(row, Mapping) else [row]


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
