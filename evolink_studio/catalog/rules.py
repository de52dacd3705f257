"""Rules about more than one field, as data.

A rule reads the fields of `field_names` and overrides some of: `disabled_options` (a form disables
them and shows the message), `find_errors`, `defaults`, `required_sizes`, `ignored_fields` (neither
checked nor sent) and `required_fields`. The values given to a rule are typed and valid by
themselves; a field without a value is absent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from evolink_studio.catalog.media import list_media_files
from evolink_studio.catalog.messages import FieldError, Message

FieldValues = Mapping[str, object]


class Condition(Protocol):
    @property
    def field(self) -> str:
        """The field it tests."""

    def is_met(self, values: FieldValues) -> bool: ...


def count_values(value: object) -> int:
    """How much was entered: the length of a list, 1 for anything else, 0 for nothing."""
    if isinstance(value, list):
        return len(value)
    return 0 if value is None or value == "" else 1


@dataclass(frozen=True, slots=True)
class IsSet:
    field: str

    def is_met(self, values: FieldValues) -> bool:
        return count_values(values.get(self.field)) > 0


@dataclass(frozen=True, slots=True)
class IsEmpty:
    field: str

    def is_met(self, values: FieldValues) -> bool:
        return count_values(values.get(self.field)) == 0


@dataclass(frozen=True, slots=True)
class Equals:
    field: str
    value: object

    def is_met(self, values: FieldValues) -> bool:
        return values.get(self.field) == self.value


PixelSizes = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class DisabledOption:
    """An option that cannot be chosen now, or with `option` None the whole control."""

    field: str
    option: object
    message: Message

    def is_chosen(self, values: FieldValues) -> bool:
        """Whether this option, or any value if all are disabled, was entered nevertheless."""
        value = values.get(self.field)
        return count_values(value) > 0 if self.option is None else value == self.option


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Base class without effect; each kind of rule overrides what it needs."""

    message: Message

    @property
    def field_names(self) -> tuple[str, ...]:
        """Every field it reads or reports errors for."""
        raise NotImplementedError

    @property
    def presets(self) -> Mapping[str, object]:
        """The defaults that it may give, by field name, under whatever condition."""
        return {}

    def disabled_options(self, values: FieldValues) -> Iterable[DisabledOption]:
        return ()

    def find_errors(self, values: FieldValues) -> Iterable[FieldError]:
        """An error for each disabled option that was chosen, with the same message."""
        chosen_options = (
            disabled_option
            for disabled_option in self.disabled_options(values)
            if disabled_option.is_chosen(values)
        )
        return [
            FieldError(disabled_option.field, disabled_option.message)
            for disabled_option in chosen_options
        ]

    def defaults(self, values: FieldValues) -> Mapping[str, object]:
        return {}

    def required_sizes(self, values: FieldValues) -> Mapping[str, PixelSizes]:
        """Allowed (width, height) in pixels of pictures, by field name; empty for any size."""
        return {}

    def ignored_fields(self, values: FieldValues) -> Iterable[str]:
        return ()

    def required_fields(self, values: FieldValues) -> Iterable[str]:
        return ()


@dataclass(frozen=True, kw_only=True)
class RequiresField(Rule):
    """`field` can be given only together with `other_field`."""

    field: str
    other_field: str

    @property
    def field_names(self) -> tuple[str, ...]:
        return self.field, self.other_field

    def disabled_options(self, values: FieldValues) -> Iterable[DisabledOption]:
        if not count_values(values.get(self.other_field)):
            yield DisabledOption(self.field, None, self.message)


@dataclass(frozen=True, kw_only=True)
class OptionsWhen(Rule):
    """Some `options` of `field` exist only under a condition.

    `preset`, if given, is the field's default while the condition holds.
    """

    field: str
    options: tuple[object, ...]
    when: Condition
    preset: object = None

    @property
    def field_names(self) -> tuple[str, ...]:
        return self.field, self.when.field

    def disabled_options(self, values: FieldValues) -> Iterable[DisabledOption]:
        if not self.when.is_met(values):
            yield from (DisabledOption(self.field, option, self.message) for option in self.options)

    @property
    def presets(self) -> Mapping[str, object]:
        return {} if self.preset is None else {self.field: self.preset}

    def defaults(self, values: FieldValues) -> Mapping[str, object]:
        return self.presets if self.when.is_met(values) else {}


@dataclass(frozen=True, kw_only=True)
class RequiredUnless(Rule):
    """`field` must be given, unless the condition holds."""

    field: str
    unless: Condition

    @property
    def field_names(self) -> tuple[str, ...]:
        return self.field, self.unless.field

    def required_fields(self, values: FieldValues) -> Iterable[str]:
        return () if self.unless.is_met(values) else (self.field,)

    def find_errors(self, values: FieldValues) -> Iterable[FieldError]:
        missing_names = (
            name for name in self.required_fields(values) if not count_values(values.get(name))
        )
        return [FieldError(name, self.message) for name in missing_names]


@dataclass(frozen=True, kw_only=True)
class IgnoredWhen(Rule):
    """While the condition holds, `field` is disabled, not checked and not sent."""

    field: str
    when: Condition

    @property
    def field_names(self) -> tuple[str, ...]:
        return self.field, self.when.field

    def disabled_options(self, values: FieldValues) -> Iterable[DisabledOption]:
        if self.when.is_met(values):
            yield DisabledOption(self.field, None, self.message)

    def find_errors(self, values: FieldValues) -> Iterable[FieldError]:
        return ()

    def ignored_fields(self, values: FieldValues) -> Iterable[str]:
        return (self.field,) if self.when.is_met(values) else ()


@dataclass(frozen=True, kw_only=True)
class AtLeastOne(Rule):
    """One of `counted_fields` must be given; the error is shown at `error_field`."""

    counted_fields: tuple[str, ...]
    error_field: str

    @property
    def field_names(self) -> tuple[str, ...]:
        return *self.counted_fields, self.error_field

    def find_errors(self, values: FieldValues) -> Iterable[FieldError]:
        if not _count_total(self.counted_fields, values):
            yield FieldError(self.error_field, self.message)


@dataclass(frozen=True, kw_only=True)
class AtMostTogether(Rule):
    """`counted_fields` hold at most `limit` values in all. Fills {limit} and {count}.

    The error is shown at `error_field`, or where that is empty at the last field that is not.
    """

    counted_fields: tuple[str, ...]
    limit: int
    error_field: str

    @property
    def field_names(self) -> tuple[str, ...]:
        return *self.counted_fields, self.error_field

    def find_errors(self, values: FieldValues) -> Iterable[FieldError]:
        count = _count_total(self.counted_fields, values)
        if count > self.limit:
            filled_fields = [name for name in self.counted_fields if count_values(values.get(name))]
            name = self.error_field if self.error_field in filled_fields else filled_fields[-1]
            yield FieldError(name, self.message.with_values(limit=self.limit, count=count))


@dataclass(frozen=True, kw_only=True)
class AtMostWhen(Rule):
    """`field` has at most `limit` values while the condition holds. Fills {limit} and {count}."""

    field: str
    limit: int
    when: Condition

    @property
    def field_names(self) -> tuple[str, ...]:
        return self.field, self.when.field

    def find_errors(self, values: FieldValues) -> Iterable[FieldError]:
        count = count_values(values.get(self.field))
        if count > self.limit and self.when.is_met(values):
            yield FieldError(self.field, self.message.with_values(limit=self.limit, count=count))


@dataclass(frozen=True, kw_only=True)
class DisabledAboveLimit(Rule):
    """`field` is disabled when it and `counted_fields` together would exceed `limit` values."""

    field: str
    counted_fields: tuple[str, ...]
    limit: int

    @property
    def field_names(self) -> tuple[str, ...]:
        return self.field, *self.counted_fields

    def disabled_options(self, values: FieldValues) -> Iterable[DisabledOption]:
        if _count_total(self.counted_fields, values) + 1 > self.limit:
            yield DisabledOption(self.field, None, self.message)


@dataclass(frozen=True, kw_only=True)
class ExactSize(Rule):
    """The pictures of `field` must have exactly the size of the chosen option.

    `sizes` gives (width, height) in pixels by the value of `option_field`; without a choice any of
    them is allowed. Fills {width}, {height} and {sizes}. An unknown size is not checked.
    """

    field: str
    option_field: str
    sizes: Mapping[object, tuple[int, int]]

    @property
    def field_names(self) -> tuple[str, ...]:
        return self.field, self.option_field

    def required_sizes(self, values: FieldValues) -> Mapping[str, PixelSizes]:
        size = self.sizes.get(values.get(self.option_field))
        return {self.field: (size,) if size else tuple(dict.fromkeys(self.sizes.values()))}

    def find_errors(self, values: FieldValues) -> Iterable[FieldError]:
        allowed_sizes = self.required_sizes(values)[self.field]
        size_labels = tuple(f"{width} × {height}" for width, height in allowed_sizes)
        for index, media in enumerate(list_media_files(values.get(self.field))):
            size = (media.width, media.height)
            if None not in size and size not in allowed_sizes:
                message = self.message.with_values(width=size[0], height=size[1], sizes=size_labels)
                yield FieldError(self.field, message, index)


@dataclass(frozen=True, kw_only=True)
class SumEquals(Rule):
    """The `column` of the rows in `field` adds up to `total_field`. Fills {sum} and {total}."""

    field: str
    column: str
    total_field: str

    @property
    def field_names(self) -> tuple[str, ...]:
        return self.field, self.total_field

    def find_errors(self, values: FieldValues) -> Iterable[FieldError]:
        rows, expected_sum = values.get(self.field), values.get(self.total_field)
        if not isinstance(rows, list) or not rows:
            return
        actual_sum = sum(getattr(row, self.column) for row in rows)
        if actual_sum != expected_sum:
            yield FieldError(
                self.field, self.message.with_values(sum=actual_sum, total=expected_sum)
            )


def _count_total(names: Iterable[str], values: FieldValues) -> int:
    return sum(count_values(values.get(name)) for name in names)
