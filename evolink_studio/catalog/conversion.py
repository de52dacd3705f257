"""Converts the values entered for one AI model to another one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evolink_studio.catalog.fields import Field
from evolink_studio.catalog.media import MediaFile, list_media_files
from evolink_studio.catalog.parsing import UNREADABLE, parse_value
from evolink_studio.catalog.rules import count_values
from evolink_studio.catalog.spec import ModelSpec
from evolink_studio.catalog.validation import validate_value


@dataclass(frozen=True, slots=True)
class DroppedValue:
    """A value that was lost: `new_value` is the field's value now, None for nothing."""

    field: str
    label: str
    old_value: object
    new_value: object


@dataclass(frozen=True, slots=True)
class Conversion:
    """`values` is valid input for the new spec. `dropped_values` is shown to the person.

    `moved_labels` are the labels of fields that now hold pictures which had another role before.
    """

    values: dict[str, Any]
    dropped_values: tuple[DroppedValue, ...]
    moved_labels: tuple[str, ...] = ()


def convert_values(
    old_spec: ModelSpec, raw: Mapping[str, object], new_spec: ModelSpec
) -> Conversion:
    """Keep each value that the new spec accepts.

    A text or a list that is too long is cut at the end. A default of the old spec that does not
    fit is dropped without a notice: nobody chose it. Frames go to the frame fields, whatever
    their names; every other value stays in the field of the same name.
    """
    old_defaults = old_spec.evaluate(raw).defaults
    old_values = {field.name: parse_value(field, raw.get(field.name)) for field in old_spec.fields}
    candidate_values = {**raw, **_assign_frames(old_spec, old_values, new_spec)}
    values: dict[str, Any] = {}
    for field in new_spec.fields:
        if (
            field.name in candidate_values
            and (fitting_value := _fit_value(new_spec, field, candidate_values[field.name]))
            is not None
        ):
            values[field.name] = fitting_value
    lost_values = {
        name: value
        for name, value in old_values.items()
        if value not in (None, UNREADABLE, old_defaults.get(name))
        and not _is_preserved(name, value, values)
    }
    evaluation = new_spec.evaluate(values)
    refused_values = {
        disabled_option.field: disabled_option.option
        for disabled_option in evaluation.disabled_options
        if disabled_option.option is not None and disabled_option.is_chosen(values)
    }
    if refused_values:
        values = {name: value for name, value in values.items() if name not in refused_values}
        lost_values |= {
            name: value for name, value in refused_values.items() if name not in lost_values
        }
        evaluation = new_spec.evaluate(values)
    shown_values = {**evaluation.defaults, **values}
    return Conversion(
        values,
        tuple(
            DroppedValue(name, old_spec.get_field(name).label, value, shown_values.get(name))
            for name, value in lost_values.items()
        ),
        tuple(
            field.label
            for field in new_spec.fields
            if _has_moved_media(old_spec, old_values, field, values)
        ),
    )


def _assign_frames(
    old_spec: ModelSpec, old_values: Mapping[str, Any], new_spec: ModelSpec
) -> dict[str, Any]:
    """The frames in order, by the field names of the new spec; None for a field without one."""
    frames = [
        media
        for field in old_spec.fields
        if field.is_frame
        for media in list_media_files(old_values[field.name])
    ]
    frame_fields = [field for field in new_spec.fields if field.is_frame]
    if not frames or not frame_fields:
        return {}
    assignments: dict[str, Any] = {
        field.name: None for field in (*old_spec.fields, *frame_fields) if field.is_frame
    }
    for field in frame_fields:
        limit = field.max_items if field.is_multiple else 1
        fitting_frames = [
            media
            for media in frames
            if not validate_value(new_spec.request_class, field, _to_field_value(field, media))[1]
        ][:limit]
        for media in fitting_frames:
            frames.remove(media)
        assignments[field.name] = (
            fitting_frames if field.is_multiple else next(iter(fitting_frames), None)
        )
    return assignments


def _to_field_value(field: Field, media: MediaFile) -> Any:
    """One file as the value of this field."""
    return [media] if field.is_multiple else media


def _has_moved_media(
    old_spec: ModelSpec, old_values: Mapping[str, Any], field: Field, values: Mapping[str, Any]
) -> bool:
    """Whether the field holds a picture that had another role before."""
    is_same_kind = any(
        old_field.name == field.name and old_field.is_frame == field.is_frame
        for old_field in old_spec.fields
    )
    old_files = list_media_files(old_values[field.name]) if is_same_kind else []
    return any(media not in old_files for media in list_media_files(values.get(field.name)))


def _is_preserved(name: str, value: Any, values: Mapping[str, Any]) -> bool:
    """Whether the whole value was kept: files in any field, other values in the same field."""
    files = list_media_files(value)
    if not files:
        return bool(values.get(name) == value)
    all_files = [media for other in values.values() for media in list_media_files(other)]
    return all(media in all_files for media in files)


def _fit_value(new_spec: ModelSpec, field: Field, raw: Any) -> Any:
    """As much of the value as the new spec accepts; None for nothing."""
    value = parse_value(field, raw)
    if value is None:
        return None
    for candidate in (value, _shorten_value(new_spec, field, value)):
        if (
            count_values(candidate)
            and not validate_value(new_spec.request_class, field, candidate)[1]
        ):
            return candidate
    return None


def _shorten_value(new_spec: ModelSpec, field: Field, value: Any) -> Any:
    if isinstance(value, str):
        return value[: field.max_length].rstrip()
    if isinstance(value, list):
        valid_items = [
            item for item in value if not validate_value(new_spec.request_class, field, [item])[1]
        ]
        return valid_items[: field.max_items]
    return None
