"""A spec: everything the studio knows about one AI model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any

from evolink_studio.catalog.base import VideoRequest
from evolink_studio.catalog.conversion import Conversion, convert_values
from evolink_studio.catalog.fields import Field
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


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Either a request and no problems, or problems (in the order of the form) and no request."""

    request: VideoRequest | None
    errors: tuple[FieldError, ...]


@dataclass(frozen=True, slots=True)
class ParsedForm:
    """What was entered, sorted: the good values, defaults among them, and what is wrong."""

    values: FieldValues
    errors: tuple[FieldError, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelSpec:
    """One AI model: its request class, its rules, and what people are told about it.

    `raw`, wherever it is taken, holds what was entered, by field name: strings as a form sends
    them or Python values, `Media` for files, dicts for rows. An empty value counts as not
    entered, so a switch that is off must be there as "off". Unknown names are left alone.

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

    @cached_property
    def trigger_fields(self) -> frozenset[str]:
        """Fields after whose change a form must look at `disabled_options` and `defaults` again."""
        return frozenset(name for rule in self.rules for name in rule.trigger_fields)

    def get_field(self, name: str) -> Field:
        """KeyError when this AI model has no such field."""
        return self._fields_by_name[name]

    @cached_property
    def duration_range(self) -> tuple[float, float] | None:
        """The shortest and the longest video, where that is known."""
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
        """The label of the highest quality, where there is a choice; qualities are in order."""
        quality = self._fields_by_name.get("quality")
        return quality.options[-1].label if quality and quality.options else ""

    def check(self, raw: Mapping[str, object]) -> CheckResult:
        """The request, or everything that stands against it. Never raises."""
        form = self._parse_form(raw)
        invalid_names = {error.field for error in form.errors}
        applicable_rules = [
            rule for rule in self.rules if invalid_names.isdisjoint(rule.field_names)
        ]
        rule_errors = [
            error for rule in applicable_rules for error in rule.find_errors(form.values)
        ]
        errors = self._sort_errors([*form.errors, *rule_errors])
        return CheckResult(None if errors else self.request_class(**form.values), errors)

    def disabled_options(self, raw: Mapping[str, object]) -> tuple[DisabledOption, ...]:
        """What cannot be chosen as things stand; a value that does not fit counts as absent."""
        values = self._parse_form(raw).values
        return tuple(
            disabled_option
            for rule in self.rules
            for disabled_option in rule.disabled_options(values)
        )

    def required_sizes(self, raw: Mapping[str, object]) -> dict[str, PixelSizes]:
        """Exact (width, height) in pixels that pictures of a field must have, where it matters."""
        values = self._parse_form(raw).values
        return {
            name: sizes
            for rule in self.rules
            for name, sizes in rule.required_sizes(values).items()
        }

    def required_fields(self, raw: Mapping[str, object]) -> frozenset[str]:
        """The fields that must be filled in as things stand."""
        values = self._parse_form(raw).values
        required_by_rules = (name for rule in self.rules for name in rule.required_fields(values))
        return frozenset(required_by_rules) | {
            field.name for field in self.fields if field.is_required
        }

    def defaults(self, raw: Mapping[str, object]) -> dict[str, object]:
        """The value that each field has when it is left empty, where there is one."""
        return self._compute_defaults(self._parse_form(raw).values)

    def build_payload(self, request: VideoRequest, urls: Mapping[str, str]) -> dict[str, object]:
        """The JSON body to send. `urls` has the URL of every file by its `ref`, else KeyError."""
        ignored_names = self._ignored_fields(dict(request))
        sent_fields = [field for field in self.fields if field.name not in ignored_names]
        return {"model": self.id, **serialize_request(request, sent_fields, urls)}

    def convert_values(self, raw: Mapping[str, object], new_spec: "ModelSpec") -> Conversion:
        """What of `raw` another AI model takes over, and what it does not."""
        return convert_values(self, raw, new_spec)

    def build_json_schema(self) -> dict[str, Any]:
        """JSON schema of the request; what rules add to it is not in there."""
        return self.request_class.model_json_schema() | {
            "title": self.id,
            "description": self.summary,
        }

    @cached_property
    def _fields_by_name(self) -> Mapping[str, Field]:
        return {field.name: field for field in self.fields}

    @cached_property
    def _field_positions(self) -> Mapping[str, int]:
        return {field.name: position for position, field in enumerate(self.fields)}

    def _parse_form(self, raw: Mapping[str, object]) -> ParsedForm:
        valid_values: dict[str, Any] = {}
        errors: list[FieldError] = []
        for field in self.fields:
            value = parse_value(field, raw.get(field.name))
            if value is None:
                errors += (
                    [FieldError(field.name, required_message(field))] if field.is_required else []
                )
                continue
            valid_values[field.name], value_errors = validate_value(
                self.request_class, field, value
            )
            errors += value_errors
        for error in errors:
            valid_values.pop(error.field, None)
        values = self._compute_defaults(valid_values) | valid_values
        ignored_names = self._ignored_fields(values)
        return ParsedForm(
            {name: value for name, value in values.items() if name not in ignored_names},
            tuple(error for error in errors if error.field not in ignored_names),
        )

    def _compute_defaults(self, values: FieldValues) -> dict[str, object]:
        defaults = {field.name: field.default for field in self.fields}
        defaults = {name: value for name, value in defaults.items() if value is not None}
        for rule in self.rules:
            defaults |= rule.defaults({**defaults, **values})
        return defaults

    def _ignored_fields(self, values: FieldValues) -> frozenset[str]:
        return frozenset(name for rule in self.rules for name in rule.ignored_fields(values))

    def _sort_errors(self, errors: Iterable[FieldError]) -> tuple[FieldError, ...]:
        return tuple(sorted(errors, key=lambda problem: self._field_positions[problem.field]))
