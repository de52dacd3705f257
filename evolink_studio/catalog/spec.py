"""A spec: everything the studio knows about one AI model."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date
from enum import StrEnum
from functools import cached_property
from itertools import chain
from typing import Any

from evolink_studio.catalog.base import VideoRequest
from evolink_studio.catalog.fields import Control, Field
from evolink_studio.catalog.introspection import build_fields
from evolink_studio.catalog.messages import FieldError, FieldNotice, Message
from evolink_studio.catalog.notices import References, find_notices
from evolink_studio.catalog.parsing import parse_value
from evolink_studio.catalog.rules import DisabledOption, FieldValues, PixelSizes, Rule
from evolink_studio.catalog.serialization import serialize_request
from evolink_studio.catalog.validation import required_message, validate_value


class Capability(StrEnum):
    """What a video can be made from, and whether it can have sound."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    SOUND = "sound"


class Lifecycle(StrEnum):
    ACTIVE = "active"
    PREVIEW = "preview"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormEvaluation:
    """The result of evaluating one form against a spec.

    `raw` is the input, `parsed_values` what `parse_value` read of it; `values` the valid values,
    with defaults for empty and invalid fields and without `ignored_fields`, which are neither
    checked nor sent. Either `request` is set, or there are `errors`, in the order of the form.
    `disabled_options` cannot be chosen with these values; `required_fields` must be filled in.
    `required_sizes` are the (width, height) in pixels that pictures may have, for fields where
    the size must be exact. `defaults` has the value of each empty field that has one.
    """

    raw: Mapping[str, object]
    parsed_values: Mapping[str, Any]
    values: FieldValues
    ignored_fields: frozenset[str]
    request: VideoRequest | None
    errors: tuple[FieldError, ...]
    disabled_options: tuple[DisabledOption, ...]
    required_fields: frozenset[str]
    required_sizes: Mapping[str, PixelSizes]
    defaults: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelSpec:
    """One AI model: its request class, its rules, and the texts and facts that people see.

    The parameter `raw` holds input by field name: strings from a form or Python values,
    `MediaFile` for files, dicts for rows. An empty value counts as not entered, so a switch that
    is off must be "off". Unknown names are not checked.

    `fixed_seconds` is the length of every video where no `duration` can be chosen.
    `documentation` is the title of the page the facts come from, `checked_on` the day they were.
    `ends_on` is the day on which its vendor ends or ended the service, as far as it is announced.
    `references`: the fields whose values a prompt names as <<<image_1>>> and <<<element_1>>>.
    """

    id: str
    label: str
    family: str
    summary: str
    capabilities: tuple[Capability, ...]
    lifecycle: Lifecycle = Lifecycle.ACTIVE
    replacement: str | None = None
    ends_on: date | None = None
    notice: Message | None = None
    typical_seconds: int
    fixed_seconds: int | None = None
    documentation: str
    checked_on: date
    request_class: type[VideoRequest]
    rules: tuple[Rule, ...] = ()
    references: References = dataclass_field(default_factory=dict)

    def __post_init__(self) -> None:
        field_names = self.request_class.model_fields.keys()
        unknown_names = {name for rule in self.rules for name in rule.field_names} - field_names
        if unknown_names:
            raise ValueError(f"{self.id}: a rule names {sorted(unknown_names)}, which is no field")

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        return build_fields(self.request_class)

    def get_field(self, name: str) -> Field:
        """Raises KeyError when this AI model has no such field."""
        return self._fields_by_name[name]

    @cached_property
    def duration_range(self) -> tuple[float, float] | None:
        """The shortest and the longest video, in seconds; None if not known."""
        if self.fixed_seconds is not None:
            return self.fixed_seconds, self.fixed_seconds
        duration = self._fields_by_name.get("duration")
        if duration is None:
            return None
        bounds = (
            duration.minimum,
            duration.maximum,
            *(option.value for option in duration.options),
        )
        numbers = [bound for bound in bounds if isinstance(bound, int | float)]
        return (min(numbers), max(numbers)) if numbers else None

    @cached_property
    def highest_quality(self) -> str:
        """The label of the highest quality (the last option); "" without a choice."""
        quality = self._fields_by_name.get("quality")
        return quality.options[-1].label if quality and quality.options else ""

    @cached_property
    def max_frames(self) -> int:
        """How many pictures can be frames of the video: none, the first, or first and last."""
        return sum(
            (field.max_items or 2) if field.is_multiple else 1
            for field in self.fields
            if field.is_frame
        )

    def takes_files(self, kind: str) -> bool:
        """Whether some field takes files of this kind: "image", "video" or "audio"."""
        return any(
            field.control is Control.MEDIA and field.media_kind == kind for field in self.fields
        )

    def evaluate(self, raw: Mapping[str, object]) -> FormEvaluation:
        """Parse and check a form; an invalid value counts as absent. Never raises."""
        parsed_values = {
            field.name: parse_value(field, raw.get(field.name)) for field in self.fields
        }
        valid_values, value_errors = self._validate_values(parsed_values)
        defaults = self._compute_defaults(valid_values)
        values = defaults | valid_values
        ignored_fields = self._find_ignored_fields(values)
        for name in ignored_fields:
            values.pop(name, None)
            value_errors.pop(name, None)
        errors = self._sort_errors(
            [
                *chain.from_iterable(value_errors.values()),
                *self._find_rule_errors(values, value_errors),
            ]
        )
        return FormEvaluation(
            raw=raw,
            parsed_values=parsed_values,
            values=values,
            ignored_fields=ignored_fields,
            request=None if errors else self.request_class(**values),
            errors=errors,
            disabled_options=tuple(
                option for rule in self.rules for option in rule.disabled_options(values)
            ),
            required_fields=self._find_required_fields(values),
            required_sizes={
                name: sizes
                for rule in self.rules
                for name, sizes in rule.required_sizes(values).items()
            },
            defaults=defaults,
        )

    def find_notices(self, evaluation: FormEvaluation) -> tuple[FieldNotice, ...]:
        """What is worth a look before paying, in the order of the form."""
        return tuple(
            find_notices(
                self.fields, self.references, evaluation.parsed_values, evaluation.ignored_fields
            )
        )

    def list_defaults(self, name: str) -> frozenset[object]:
        """Every value that can be a field's default, whatever the other fields hold."""
        presets = (rule.presets.get(name) for rule in self.rules)
        return frozenset({self.get_field(name).default, *presets} - {None})

    def allows_value(self, evaluation: FormEvaluation, name: str, value: object) -> bool:
        """Whether this value of a field would add no new error to the form."""
        errors = self.evaluate({**evaluation.raw, name: value}).errors
        return all(error in evaluation.errors for error in errors)

    def build_payload(self, request: VideoRequest, urls: Mapping[str, str]) -> dict[str, object]:
        """The JSON body to send. `urls` maps the `ref` of every file to its URL; else KeyError."""
        ignored_names = self._find_ignored_fields(dict(request))
        sent_fields = [field for field in self.fields if field.name not in ignored_names]
        return {"model": self.id, **serialize_request(request, sent_fields, urls)}

    @cached_property
    def _fields_by_name(self) -> Mapping[str, Field]:
        return {field.name: field for field in self.fields}

    @cached_property
    def _field_positions(self) -> Mapping[str, int]:
        return {field.name: position for position, field in enumerate(self.fields)}

    def _validate_values(
        self, parsed_values: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Sequence[FieldError]]]:
        """The valid, typed values, and the errors of the other fields, by field name."""
        values: dict[str, Any] = {}
        errors: dict[str, Sequence[FieldError]] = {}
        for field in self.fields:
            value = parsed_values[field.name]
            if value is None:
                if field.is_required:
                    errors[field.name] = [FieldError(field.name, required_message(field))]
                continue
            typed_value, field_errors = validate_value(self.request_class, field, value)
            if field_errors:
                errors[field.name] = field_errors
            else:
                values[field.name] = typed_value
        return values, errors

    def _compute_defaults(self, values: FieldValues) -> dict[str, object]:
        defaults = {field.name: field.default for field in self.fields}
        defaults = {name: value for name, value in defaults.items() if value is not None}
        for rule in self.rules:
            defaults |= rule.defaults({**defaults, **values})
        return defaults

    def _find_ignored_fields(self, values: FieldValues) -> frozenset[str]:
        return frozenset(name for rule in self.rules for name in rule.ignored_fields(values))

    def _find_rule_errors(
        self, values: FieldValues, invalid_names: Container[str]
    ) -> Iterator[FieldError]:
        """The errors of the rules; a rule about an invalid field is skipped."""
        for rule in self.rules:
            if not any(name in invalid_names for name in rule.field_names):
                yield from rule.find_errors(values)

    def _find_required_fields(self, values: FieldValues) -> frozenset[str]:
        required_by_rules = (name for rule in self.rules for name in rule.required_fields(values))
        return frozenset(required_by_rules) | {
            field.name for field in self.fields if field.is_required
        }

    def _sort_errors(self, errors: Iterable[FieldError]) -> tuple[FieldError, ...]:
        return tuple(sorted(errors, key=lambda error: self._field_positions[error.field]))
