"""Rows of a list control: adding, removing and moving them, and which are filled in."""

from collections.abc import Callable, Mapping, Sequence

from evolink_studio.catalog.fields import Control
from evolink_studio.catalog.messages import FieldError
from evolink_studio.catalog.spec import ModelSpec
from evolink_studio.catalog.text import is_visible

Rows = list[object]


def edit_rows(spec: ModelSpec, values: dict[str, object], command: str) -> None:
    """Carry out `<param>:add` or `<param>:remove|up|down:<row>`; anything else changes nothing."""
    name, _, remainder = command.partition(":")
    action, _, number = remainder.partition(":")
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


def _swap_rows(rows: Rows, index: int) -> None:
    if 0 <= index < len(rows) - 1:
        rows[index], rows[index + 1] = rows[index + 1], rows[index]


_ACTIONS: dict[str, Callable[[Rows, int], None]] = {
    "add": _add_row,
    "remove": _remove_row,
    "up": _move_row_up,
    "down": _move_row_down,
}


def list_row_positions(rows: Sequence[object]) -> dict[int, int]:
    """Position by row number, as `FieldError.index` counts: blank rows have none."""
    filled_rows = [
        number for number, row in enumerate(rows) if not all(map(_is_blank, _cell_values(row)))
    ]
    return {number: position for position, number in enumerate(filled_rows)}


def is_filled_in(error: FieldError, value: object) -> bool:
    """Whether what the error is about is filled in: its cell, or all cells of `value`."""
    rows = value if isinstance(value, list) else [value]
    if error.index is None or error.column is None:
        cells = [cell for row in rows for cell in _cell_values(row)]
        return bool(cells) and not any(map(_is_blank, cells))
    for number, position in list_row_positions(rows).items():
        if position == error.index and isinstance(row := rows[number], Mapping):
            return not _is_blank(row.get(error.column))
    return False


def _cell_values(row: object) -> list[object]:
    return (list(row.values()) or [None]) if isinstance(row, Mapping) else [row]


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not is_visible(value))
