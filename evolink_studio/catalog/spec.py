"""A spec: everything the studio knows about one AI model."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from itertools import chain
from typing import Any

from evolink_studio.catalog.base import VideoRequest
from evolink_studio.catalog.fields import Control, Field
from evolink_studio.catalog.introspection import build_fields
from evolink_studio.catalog.messages import FieldError, Message
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

    `raw` is the input; `values` the valid values, with defaults for empty fields and without
    ignored fields. Either `request` is set, or there are `errors`, in the order of the form.
    `disabled_options` cannot be chosen with these values; `required_fields` must be filled in.
    `required_sizes` are the (width, height) in pixels that pictures may have, for fields where
    the size must be exact. `defaults` has the value of each empty field that has one. `settings`,
    for the price, is the raw input over the defaults, without prompts.
    """

    raw: Mapping[str, object]
    values: FieldValues
    request: VideoRequest | None
    errors: tuple[FieldError, ...]
    disabled_options: tuple[DisabledOption, ...]
    required_fields: frozenset[str]
    required_sizes: Mapping[str, PixelSizes]
    defaults: Mapping[str, object]
    settings: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelSpec:
    """One AI model: its request class, its rules, and the texts and facts that people see.

    The parameter `raw` holds input by field name: strings from a form or Python values,
    `MediaFile` for files, dicts for rows. An empty value counts as not entered, so a switch that
    is off must be "off". Unknown names are not checked.

    `fixed_seconds` is the length of every video where no `duration` can be chosen.
    `documentation` is the title of the page the facts come from, `checked_on` the day they were.
    """

    id: str
    label: str
    family: str
    summary: str
    capabilities: tuple[Capability, ...]
    lifecycle: Lifecycle = Lifecycle.ACTIVE
    replacement: str | None = None
    notice: Message | None = None
    typical_seconds: int
    fixed_seconds: int | None = None
    documentation: str
    checked_on: date
    request_class: type[VideoRequest]
    rules: tuple[Rule, ...] = ()

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

    def evaluate(self, raw: Mapping[str, object]) -> FormEvaluation:
        """Parse and check a form; an invalid value counts as absent. Never raises."""
        valid_values, value_errors = self._parse_values(raw)
        defaults = self._compute_defaults(valid_values)
        values = defaults | valid_values
        for name in self._find_ignored_fields(values):
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
            values=values,
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
            settings=self._collect_settings(raw, defaults),
        )

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

    def _parse_values(
        self, raw: Mapping[str, object]
    ) -> tuple[dict[str, Any], dict[str, Sequence[FieldError]]]:
        """The valid, typed values, and the errors of the other fields, by field name."""
        values: dict[str, Any] = {}
        errors: dict[str, Sequence[FieldError]] = {}
        for field in self.fields:
            value = parse_value(field, raw.get(field.name))
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

    def _collect_settings(
        self, raw: Mapping[str, object], defaults: Mapping[str, object]
    ) -> dict[str, object]:
        entered_values = {name: value for name, value in raw.items() if value not in (None, "", [])}
        prompt_names = {field.name for field in self.fields if field.control is Control.PROMPT}
        return {
            name: value
            for name, value in {**defaults, **entered_values}.items()
            if name not in prompt_names
        }

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
