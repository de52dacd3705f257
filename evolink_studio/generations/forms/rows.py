"""Rows of a list control: adding, removing and moving them, which are filled in, what they add up
to."""

from collections.abc import Callable, Container, Mapping, Sequence

from evolink_studio.catalog.fields import Control, Field
from evolink_studio.catalog.messages import FieldError
from evolink_studio.catalog.parsing import INTEGER_PATTERN
from evolink_studio.catalog.rules import SumEquals
from evolink_studio.catalog.spec import FormEvaluation, ModelSpec
from evolink_studio.catalog.text import is_visible

Rows = list[object]
TAKE_TOTAL = "total"


def edit_rows(spec: ModelSpec, values: dict[str, object], command: str) -> None:
    """Carry out `<param>:add`, `<param>:remove|up|down:<row>` or `<param>:total`, which sets the
    length to what the rows add up to; anything else changes nothing."""
    name, _, remainder = command.partition(":")
    if remainder == TAKE_TOTAL:
        return _take_total(spec, values, name)
    action, _, number = remainder.partition(":")
    list_fields = {field.name for field in spec.fields if field.control is Control.ROWS}
    if name not in list_fields or action not in _ACTIONS:
        return
    rows = values.get(name)
    rows = list(rows) if isinstance(rows, list) else []
    index = int(number) if number.isdecimal() and len(number) < 4 else len(rows)
    _ACTIONS[action](rows, index)
    values[name] = rows


def _take_total(spec: ModelSpec, values: dict[str, object], name: str) -> None:
    rule = _find_sum_rule(spec, name)
    total = find_offered_total(spec, spec.evaluate(values), name)
    if rule is not None and total is not None:
        values[rule.total_field] = str(total)


def find_offered_total(spec: ModelSpec, evaluation: FormEvaluation, name: str) -> int | None:
    """The sum of the rows, if the total is another number and may be this one; else None."""
    rule = _find_sum_rule(spec, name)
    if rule is None or name in evaluation.ignored_fields:
        return None
    total = sum_column(evaluation.raw.get(name), rule.column)
    field = spec.get_field(rule.total_field)
    is_within = (field.minimum or 0) <= total <= (field.maximum or total)
    if not total or not is_within or total == evaluation.values.get(rule.total_field):
        return None
    return total if spec.allows_value(evaluation, rule.total_field, str(total)) else None


def sum_column(rows: object, column: str) -> int:
    """The sum of the whole numbers in one column of rows; what is no number counts nothing."""
    cells = (
        [row.get(column) for row in rows if isinstance(row, Mapping)]
        if isinstance(rows, list)
        else []
    )
    texts = [str(cell).strip() for cell in cells if cell is not None]
    return sum(int(text) for text in texts if INTEGER_PATTERN.fullmatch(text))


def _find_sum_rule(spec: ModelSpec, name: str) -> SumEquals | None:
    return next(
        (rule for rule in spec.rules if isinstance(rule, SumEquals) and rule.field == name), None
    )


def begin_rows(
    spec: ModelSpec,
    values: dict[str, object],
    evaluation: FormEvaluation,
    sent_names: Container[str],
) -> bool:
    """Fill the first row of a list that has just come into use from the prompt that now rests.

    `sent_names`: the names of everything in the form as it was sent. A list of which it had rows
    was in use before: there an empty row is meant. The prompt stays where it is. Returns whether
    `values` changed.
    """
    prompts = [
        text
        for field in spec.fields
        if field.control is Control.PROMPT and field.name in evaluation.ignored_fields
        if isinstance(text := values.get(field.name), str) and is_visible(text)
    ]
    for field in spec.fields if prompts else ():
        column = next((c for c in field.columns if c.control is Control.PROMPT), None)
        if column is None or field.name not in evaluation.required_fields:
            continue
        if not values.get(field.name) and f"{field.name}-0-{column.name}" not in sent_names:
            first_row = {column.name: prompts[0], **_whole_length(spec, evaluation, field)}
            values[field.name] = [first_row]
            return True
    return False


def _whole_length(spec: ModelSpec, evaluation: FormEvaluation, field: Field) -> dict[str, object]:
    """The cell that lets a single row last as long as the whole; {} where rows have no length."""
    rule = _find_sum_rule(spec, field.name)
    total = evaluation.values.get(rule.total_field) if rule else None
    return {rule.column: str(total)} if rule and total is not None else {}


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
