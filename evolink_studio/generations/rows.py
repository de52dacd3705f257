"""Adding, removing and moving rows of a list control, by the name of the pressed button."""

from collections.abc import Callable

from evolink_studio.catalog.params import Control
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
