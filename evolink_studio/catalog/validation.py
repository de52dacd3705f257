"""Checks one value against its type, with error messages of our own."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from evolink_studio.catalog.fields import Control, Field
from evolink_studio.catalog.media import WRONG_MEDIA_KIND
from evolink_studio.catalog.messages import FieldError, Message, _

PROMPT_MISSING = Message(_("Write what the video should show."))
FILE_MISSING = Message(_("Add a file here."))
VALUE_MISSING = Message(_("Please fill this in."))
OPTION_NOT_OFFERED = Message(_("This is not offered here. Choose one of: {options}."))
SWITCH_INVALID = Message(_("This can only be on or off."))
VALUE_NOT_READABLE = Message(_("This cannot be read. Please enter it again."))
TEXT_TOO_LONG = Message(_("At most {limit} characters; this has {count}."))
TEXT_TOO_SHORT = Message(_("At least {limit} characters; this has {count}."))
TOO_MANY_ITEMS = Message(_("Too many: at most {limit} fit here, and this has {count}."))
TOO_FEW_ITEMS = Message(_("Too few: at least {limit} are needed, and this has {count}."))
NUMBER_EXPECTED = Message(_("Enter a number."))
INTEGER_EXPECTED = Message(_("Enter a whole number."))
NUMBER_OUT_OF_RANGE = Message(_("Choose a number from {minimum} to {maximum}."))
INTEGER_OUT_OF_RANGE = Message(_("Choose a whole number from {minimum} to {maximum}."))
NUMBER_TOO_SMALL = Message(_("Choose a number of at least {minimum}."))
NUMBER_TOO_LARGE = Message(_("Choose a number of at most {maximum}."))
NUMBER_OR_OPTION_EXPECTED = Message(
    _("Choose a number from {minimum} to {maximum}, or: {options}.")
)
STEP_MISMATCH = Message(_("Choose a number in steps of {step}."))


def validate_value(
    request_class: type[BaseModel], field: Field, value: Any
) -> tuple[Any, tuple[FieldError, ...]]:
    """The typed value, and every error of this value by itself.

    `value` comes from `parse_value`. With errors, the returned value must not be used.
    """
    try:
        typed_value = _get_type_adapter(request_class, field.name).validate_python(
            value, strict=True
        )
    except ValidationError as error:
        details_by_location = {
            _locate_error(field, detail): detail for detail in reversed(error.errors())
        }
        return value, tuple(
            FieldError(field.name, _build_message(field, detail), *location)
            for location, detail in reversed(details_by_location.items())
        )
    return typed_value, tuple(_find_file_errors(field, typed_value))


def required_message(field: Field) -> Message:
    """The message for an empty required field."""
    if field.control is Control.CHOICE:
        return _build_option_message(field)
    return {Control.PROMPT: PROMPT_MISSING, Control.MEDIA: FILE_MISSING}.get(
        field.control, VALUE_MISSING
    )


@cache
def _get_type_adapter(request_class: type[BaseModel], field_name: str) -> TypeAdapter[Any]:
    return TypeAdapter(request_class.model_fields[field_name].rebuild_annotation())


def _locate_error(field: Field, detail: ErrorDetails) -> tuple[int | None, str | None]:
    """Index and column of the error; pydantic's tags for union members are left out."""
    index, column = (*detail["loc"], None, None)[:2]
    column_names = {column.name for column in field.columns}
    return (
        index if isinstance(index, int) else None,
        column if isinstance(column, str) and column in column_names else None,
    )


def _find_file_errors(field: Field, value: Any) -> Iterator[FieldError]:
    if field.media_constraints is not None:
        for index, media in enumerate(value if field.is_multiple else [value]):
            for message in field.media_constraints.find_violations(media):
                yield FieldError(field.name, message, index if field.is_multiple else None)
    for column in field.columns:
        if column.media_constraints is not None:
            for index, row in enumerate(value):
                media = getattr(row, column.name)
                for message in column.media_constraints.find_violations(media) if media else ():
                    yield FieldError(field.name, message, index, column.name)


def _build_message(field: Field, detail: ErrorDetails) -> Message:
    _index, column = _locate_error(field, detail)
    field = next((candidate for candidate in field.columns if candidate.name == column), field)
    build_message = MESSAGE_BY_ERROR_TYPE.get(detail["type"])
    if build_message is not None:
        return build_message(field, detail)
    return MESSAGE_BY_CONTROL[field.control](field)


def _length_message_builder(
    message: Message, limit_key: str
) -> Callable[[Field, ErrorDetails], Message]:
    def build(_field: Field, detail: ErrorDetails) -> Message:
        return message.with_values(limit=detail["ctx"][limit_key], count=len(detail["input"]))

    return build


def _build_option_message(field: Field) -> Message:
    return OPTION_NOT_OFFERED.with_values(options=tuple(option.label for option in field.options))


def _build_number_message(field: Field) -> Message:
    bounds = {"minimum": field.minimum, "maximum": field.maximum}
    given_bounds = {name: bound for name, bound in bounds.items() if bound is not None}
    if field.options and len(given_bounds) == 2:
        labels = tuple(option.label for option in field.options)
        return NUMBER_OR_OPTION_EXPECTED.with_values(**given_bounds, options=labels)
    if len(given_bounds) == 2:
        return (INTEGER_OUT_OF_RANGE if field.is_integer else NUMBER_OUT_OF_RANGE).with_values(
            **given_bounds
        )
    if given_bounds:
        return (NUMBER_TOO_SMALL if "minimum" in given_bounds else NUMBER_TOO_LARGE).with_values(
            **given_bounds
        )
    return INTEGER_EXPECTED if field.is_integer else NUMBER_EXPECTED


def _build_file_message(field: Field) -> Message:
    return (
        WRONG_MEDIA_KIND[field.media_constraints.kind] if field.media_constraints else FILE_MISSING
    )


MESSAGE_BY_ERROR_TYPE: dict[str, Callable[[Field, ErrorDetails], Message]] = {
    "missing": lambda field, _detail: required_message(field),
    "string_too_long": _length_message_builder(TEXT_TOO_LONG, "max_length"),
    "string_too_short": _length_message_builder(TEXT_TOO_SHORT, "min_length"),
    "too_long": _length_message_builder(TOO_MANY_ITEMS, "max_length"),
    "too_short": _length_message_builder(TOO_FEW_ITEMS, "min_length"),
    "multiple_of": lambda field, _detail: STEP_MISMATCH.with_values(step=field.step),
}
MESSAGE_BY_CONTROL: dict[Control, Callable[[Field], Message]] = {
    Control.PROMPT: lambda _field: VALUE_NOT_READABLE,
    Control.TEXT: lambda _field: VALUE_NOT_READABLE,
    Control.CHOICE: _build_option_message,
    Control.NUMBER: _build_number_message,
    Control.SWITCH: lambda _field: SWITCH_INVALID,
    Control.MEDIA: _build_file_message,
    Control.ROWS: lambda _field: VALUE_NOT_READABLE,
    Control.TEXTS: lambda _field: VALUE_NOT_READABLE,
}
