"""Holds one value against its type, and says in our own words what is wrong with it."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from evolink_studio.catalog.fields import Control, Field
from evolink_studio.catalog.media import WRONG_KIND
from evolink_studio.catalog.messages import Problem, Sentence, _

NO_PROMPT = Sentence(_("Write what the video should show."))
NO_FILE = Sentence(_("Add a file here."))
NOTHING = Sentence(_("Please fill this in."))
NOT_OFFERED = Sentence(_("This is not offered here. Choose one of: {options}."))
NOT_A_SWITCH = Sentence(_("This can only be on or off."))
NOT_READABLE = Sentence(_("This cannot be read. Please enter it again."))
TEXT_TOO_LONG = Sentence(_("At most {limit} characters; this has {count}."))
TEXT_TOO_SHORT = Sentence(_("At least {limit} characters; this has {count}."))
TOO_MANY = Sentence(_("Too many: at most {limit} fit here, and this has {count}."))
TOO_FEW = Sentence(_("Too few: at least {limit} are needed, and this has {count}."))
NUMBER = Sentence(_("Enter a number."))
WHOLE_NUMBER = Sentence(_("Enter a whole number."))
NUMBER_BETWEEN = Sentence(_("Choose a number from {minimum} to {maximum}."))
WHOLE_BETWEEN = Sentence(_("Choose a whole number from {minimum} to {maximum}."))
NUMBER_FROM = Sentence(_("Choose a number of at least {minimum}."))
NUMBER_UP_TO = Sentence(_("Choose a number of at most {maximum}."))
NUMBER_OR_WORD = Sentence(_("Choose a number from {minimum} to {maximum}, or: {options}."))
STEPS = Sentence(_("Choose a number in steps of {step}."))


def misfits(request: type[BaseModel], field: Field, value: Any) -> tuple[Any, tuple[Problem, ...]]:
    """The typed value, and everything that is wrong with it by itself.

    `value` comes from `read`. Where there is a problem the value returned is of no use.
    """
    try:
        typed = _type_of(request, field.name).validate_python(value, strict=True)
    except ValidationError as error:
        found = {_place(field, detail): detail for detail in reversed(error.errors())}
        return value, tuple(
            Problem(field.name, _sentence(field, detail), *place)
            for place, detail in reversed(found.items())
        )
    return typed, tuple(_unfit_files(field, typed))


def needed(field: Field) -> Sentence:
    """What to say where a required field is empty."""
    if field.control is Control.CHOICE:
        return _not_offered(field)
    return {Control.PROMPT: NO_PROMPT, Control.MEDIA: NO_FILE}.get(field.control, NOTHING)


@cache
def _type_of(request: type[BaseModel], name: str) -> TypeAdapter[Any]:
    return TypeAdapter(request.model_fields[name].rebuild_annotation())


def _place(field: Field, detail: ErrorDetails) -> tuple[int | None, str | None]:
    """Item and column; a union's own tags in the location are left out."""
    item, column = (*detail["loc"], None, None)[:2]
    known = {column.name for column in field.columns}
    return (
        item if isinstance(item, int) else None,
        column if isinstance(column, str) and column in known else None,
    )


def _unfit_files(field: Field, value: Any) -> Iterator[Problem]:
    if field.accepts is not None:
        for item, media in enumerate(value if field.multiple else [value]):
            for sentence in field.accepts.problems(media):
                yield Problem(field.name, sentence, item if field.multiple else None)
    for column in field.columns:
        if column.accepts is not None:
            for item, row in enumerate(value):
                media = getattr(row, column.name)
                for sentence in column.accepts.problems(media) if media else ():
                    yield Problem(field.name, sentence, item, column.name)


def _sentence(field: Field, detail: ErrorDetails) -> Sentence:
    _item, column = _place(field, detail)
    field = next((known for known in field.columns if known.name == column), field)
    by_type = BY_ERROR.get(detail["type"])
    if by_type is not None:
        return by_type(field, detail)
    return BY_CONTROL[field.control](field)


def _counted(sentence: Sentence, bound: str) -> Callable[[Field, ErrorDetails], Sentence]:
    def counted(_field: Field, detail: ErrorDetails) -> Sentence:
        return sentence.filled(limit=detail["ctx"][bound], count=len(detail["input"]))

    return counted


def _not_offered(field: Field) -> Sentence:
    return NOT_OFFERED.filled(options=tuple(option.label for option in field.options))


def _number(field: Field) -> Sentence:
    bounds = {"minimum": field.minimum, "maximum": field.maximum}
    known = {name: bound for name, bound in bounds.items() if bound is not None}
    if field.options and len(known) == 2:
        words = tuple(option.label for option in field.options)
        return NUMBER_OR_WORD.filled(**known, options=words)
    if len(known) == 2:
        return (WHOLE_BETWEEN if field.whole else NUMBER_BETWEEN).filled(**known)
    if known:
        return (NUMBER_FROM if "minimum" in known else NUMBER_UP_TO).filled(**known)
    return WHOLE_NUMBER if field.whole else NUMBER


def _file(field: Field) -> Sentence:
    return WRONG_KIND[field.accepts.kind] if field.accepts else NO_FILE


BY_ERROR: dict[str, Callable[[Field, ErrorDetails], Sentence]] = {
    "missing": lambda field, _detail: needed(field),
    "string_too_long": _counted(TEXT_TOO_LONG, "max_length"),
    "string_too_short": _counted(TEXT_TOO_SHORT, "min_length"),
    "too_long": _counted(TOO_MANY, "max_length"),
    "too_short": _counted(TOO_FEW, "min_length"),
    "multiple_of": lambda field, _detail: STEPS.filled(step=field.step),
}
BY_CONTROL: dict[Control, Callable[[Field], Sentence]] = {
    Control.PROMPT: lambda _field: NOT_READABLE,
    Control.TEXT: lambda _field: NOT_READABLE,
    Control.CHOICE: _not_offered,
    Control.NUMBER: _number,
    Control.SWITCH: lambda _field: NOT_A_SWITCH,
    Control.MEDIA: _file,
    Control.ROWS: lambda _field: NOT_READABLE,
    Control.TEXTS: lambda _field: NOT_READABLE,
}
