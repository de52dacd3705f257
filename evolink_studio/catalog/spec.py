"""A spec: everything the studio knows about one AI model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any

from evolink_studio.catalog.base import VideoRequest
from evolink_studio.catalog.conversion import Carried, carry
from evolink_studio.catalog.fields import Field
from evolink_studio.catalog.introspection import fields_of
from evolink_studio.catalog.messages import Problem, Sentence
from evolink_studio.catalog.parsing import read
from evolink_studio.catalog.rules import Block, Rule, Sizes, Values
from evolink_studio.catalog.serialization import body_of
from evolink_studio.catalog.validation import misfits, needed


class Mode(StrEnum):
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
class Checked:
    """Either a request and no problems, or problems (in the order of the form) and no request."""

    request: VideoRequest | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """What was entered, sorted: the good values, defaults among them, and what is wrong."""

    values: Values
    problems: tuple[Problem, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Spec:
    """One AI model: its request class, its rules, and what people are told about it.

    `raw`, wherever it is taken, holds what was entered, by field name: strings as a form sends
    them or Python values, `Media` for files, dicts for rows. An empty value counts as not
    entered, so a switch that is off must be there as "off". Unknown names are left alone.

    `fixed_seconds` is the length of every video where no `duration` can be chosen.
    `documentation` is the title of the page the facts come from, `checked` the day they were.
    """

    id: str
    label: str
    family: str
    summary: str
    modes: tuple[Mode, ...]
    lifecycle: Lifecycle = Lifecycle.ACTIVE
    replacement: str | None = None
    notice: Sentence | None = None
    typical_seconds: int
    fixed_seconds: int | None = None
    documentation: str
    checked: date
    request: type[VideoRequest]
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        known = self.request.model_fields.keys()
        unknown = {name for rule in self.rules for name in rule.fields} - known
        if unknown:
            raise ValueError(f"{self.id}: a rule names {sorted(unknown)}, which is no field")

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        return fields_of(self.request)

    @cached_property
    def drivers(self) -> frozenset[str]:
        """Fields after whose change a form must look at `blocked` and `defaults` again."""
        return frozenset(name for rule in self.rules for name in rule.drivers)

    def field(self, name: str) -> Field:
        """KeyError when this AI model has no such field."""
        return self._by_name[name]

    @cached_property
    def seconds(self) -> tuple[float, float] | None:
        """The shortest and the longest video, where that is known."""
        if self.fixed_seconds is not None:
            return self.fixed_seconds, self.fixed_seconds
        duration = self._by_name.get("duration")
        if duration is None:
            return None
        bounds = (
            duration.minimum,
            duration.maximum,
            *(option.value for option in duration.options),
        )
        known = [bound for bound in bounds if isinstance(bound, int | float)]
        return (min(known), max(known)) if known else None

    @cached_property
    def finest(self) -> str:
        """The label of the highest quality, where there is a choice; qualities are in order."""
        quality = self._by_name.get("quality")
        return quality.options[-1].label if quality and quality.options else ""

    def check(self, raw: Mapping[str, object]) -> Checked:
        """The request, or everything that stands against it. Never raises."""
        entry = self._enter(raw)
        broken = {problem.field for problem in entry.problems}
        fit = [rule for rule in self.rules if broken.isdisjoint(rule.fields)]
        against = [problem for rule in fit for problem in rule.problems(entry.values)]
        problems = self._in_order([*entry.problems, *against])
        return Checked(None if problems else self.request(**entry.values), problems)

    def blocked(self, raw: Mapping[str, object]) -> tuple[Block, ...]:
        """What cannot be chosen as things stand; a value that does not fit counts as absent."""
        values = self._enter(raw).values
        return tuple(block for rule in self.rules for block in rule.blocked(values))

    def wanted(self, raw: Mapping[str, object]) -> dict[str, Sizes]:
        """Exact (width, height) in pixels that pictures of a field must have, where it matters."""
        values = self._enter(raw).values
        return {name: sizes for rule in self.rules for name, sizes in rule.wanted(values).items()}

    def required(self, raw: Mapping[str, object]) -> frozenset[str]:
        """The fields that must be filled in as things stand."""
        values = self._enter(raw).values
        by_rule = (name for rule in self.rules for name in rule.required(values))
        return frozenset(by_rule) | {field.name for field in self.fields if field.required}

    def defaults(self, raw: Mapping[str, object]) -> dict[str, object]:
        """The value that each field has when it is left empty, where there is one."""
        return self._defaults(self._enter(raw).values)

    def payload(self, request: VideoRequest, urls: Mapping[str, str]) -> dict[str, object]:
        """The JSON body to send. `urls` has the URL of every file by its `ref`, else KeyError."""
        ignored = self._ignored(dict(request))
        sent = [field for field in self.fields if field.name not in ignored]
        return {"model": self.id, **body_of(request, sent, urls)}

    def carry(self, raw: Mapping[str, object], into: "Spec") -> Carried:
        """What of `raw` another AI model takes over, and what it does not."""
        return carry(self, raw, into)

    def schema(self) -> dict[str, Any]:
        """JSON schema of the request; what rules add to it is not in there."""
        return self.request.model_json_schema() | {"title": self.id, "description": self.summary}

    @cached_property
    def _by_name(self) -> Mapping[str, Field]:
        return {field.name: field for field in self.fields}

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {field.name: place for place, field in enumerate(self.fields)}

    def _enter(self, raw: Mapping[str, object]) -> Entry:
        given: dict[str, Any] = {}
        problems: list[Problem] = []
        for field in self.fields:
            value = read(field, raw.get(field.name))
            if value is None:
                problems += [Problem(field.name, needed(field))] if field.required else []
                continue
            given[field.name], found = misfits(self.request, field, value)
            problems += found
        for problem in problems:
            given.pop(problem.field, None)
        values = self._defaults(given) | given
        ignored = self._ignored(values)
        return Entry(
            {name: value for name, value in values.items() if name not in ignored},
            tuple(problem for problem in problems if problem.field not in ignored),
        )

    def _defaults(self, values: Values) -> dict[str, object]:
        defaults = {field.name: field.default for field in self.fields}
        defaults = {name: value for name, value in defaults.items() if value is not None}
        for rule in self.rules:
            defaults |= rule.default({**defaults, **values})
        return defaults

    def _ignored(self, values: Values) -> frozenset[str]:
        return frozenset(name for rule in self.rules for name in rule.ignored(values))

    def _in_order(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        return tuple(sorted(problems, key=lambda problem: self._places[problem.field]))
