"""Rows of a list control: adding, removing and moving them, and which of them count."""

from collections.abc import Callable, Mapping, Sequence

from evolink_studio.catalog.fields import Control
from evolink_studio.catalog.messages import Problem
from evolink_studio.catalog.spec import Spec

Rows = list[object]


def edit_rows(spec: Spec, values: dict[str, object], pressed: str) -> None:
    """Carry out `<param>:add` or `<param>:remove|up|down:<row>`; anything else changes nothing."""
    name, _, rest = pressed.partition(":")
    action, _, number = rest.partition(":")
    lists = {field.name for field in spec.fields if field.control is Control.ROWS}
    if name not in lists or action not in _ACTIONS:
        return
    rows = values.get(name)
    rows = list(rows) if isinstance(rows, list) else []
    place = int(number) if number.isdecimal() and len(number) < 4 else len(rows)
    _ACTIONS[action](rows, place)
    values[name] = rows


def _add(rows: Rows, place: int) -> None:
    rows.append({})


def _remove(rows: Rows, place: int) -> None:
    del rows[place : place + 1]


def _up(rows: Rows, place: int) -> None:
    _swap(rows, place - 1)


def _down(rows: Rows, place: int) -> None:
    _swap(rows, place)


def _swap(rows: Rows, first: int) -> None:
    if 0 <= first < len(rows) - 1:
        rows[first], rows[first + 1] = rows[first + 1], rows[first]


_ACTIONS: dict[str, Callable[[Rows, int], None]] = {
    "add": _add,
    "remove": _remove,
    "up": _up,
    "down": _down,
}


def places_of(rows: Sequence[object]) -> dict[int, int]:
    """The place of each row, as problems count it: rows with nothing in them have none."""
    filled = [number for number, row in enumerate(rows) if not all(map(_blank, _cells(row)))]
    return {number: place for place, number in enumerate(filled)}


def filled_in(problem: Problem, value: object) -> bool:
    """Whether a person has entered what the problem is about: one cell, or all there is."""
    rows = value if isinstance(value, list) else [value]
    if problem.item is None or problem.column is None:
        cells = [cell for row in rows for cell in _cells(row)]
        return bool(cells) and not any(map(_blank, cells))
    for number, place in places_of(rows).items():
        if place == problem.item and isinstance(row := rows[number], Mapping):
            return not _blank(row.get(problem.column))
    return False


def _cells(row: object) -> list[object]:
    return (list(row.values()) or [None]) if isinstance(row, Mapping) else [row]


def _blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
