"""What depends on more than one field, as data.

A rule reads `fields` and may do five things, most do one or two: say what is `blocked` (a form
disables it and shows the sentence), find `problems`, give a `default`, name what is `ignored`
(neither checked nor sent) or `required`. Values are typed and fine by themselves; a field
without a value is absent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from evolink_studio.catalog.media import Media
from evolink_studio.catalog.messages import Problem, Sentence

Values = Mapping[str, object]


class Condition(Protocol):
    @property
    def field(self) -> str:
        """The field it asks about."""

    def holds(self, values: Values) -> bool: ...


def amount(value: object) -> int:
    """How much was entered: the length of a list, 1 for anything else, 0 for nothing."""
    if isinstance(value, list):
        return len(value)
    return 0 if value is None or value == "" else 1


@dataclass(frozen=True, slots=True)
class Given:
    field: str

    def holds(self, values: Values) -> bool:
        return amount(values.get(self.field)) > 0


@dataclass(frozen=True, slots=True)
class Empty:
    field: str

    def holds(self, values: Values) -> bool:
        return amount(values.get(self.field)) == 0


@dataclass(frozen=True, slots=True)
class Is:
    field: str
    value: object

    def holds(self, values: Values) -> bool:
        return values.get(self.field) == self.value


Sizes = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Block:
    """An option that cannot be chosen now, or with `option` None the whole control."""

    field: str
    option: object
    sentence: Sentence

    def hits(self, values: Values) -> bool:
        """Whether just this was entered all the same."""
        value = values.get(self.field)
        return amount(value) > 0 if self.option is None else value == self.option


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The rule without effect; each kind overrides what it does."""

    sentence: Sentence

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field it reads or speaks of."""
        raise NotImplementedError

    @property
    def drivers(self) -> tuple[str, ...]:
        """Fields whose change shows elsewhere in the form: the form must look again."""
        return ()

    def blocked(self, values: Values) -> Iterable[Block]:
        return ()

    def problems(self, values: Values) -> Iterable[Problem]:
        """What is blocked is also refused, with the same sentence."""
        hits = (block for block in self.blocked(values) if block.hits(values))
        return [Problem(block.field, block.sentence) for block in hits]

    def default(self, values: Values) -> Mapping[str, object]:
        return {}

    def wanted(self, values: Values) -> Mapping[str, Sizes]:
        """The sizes, in pixels, that pictures of a field may have; nothing where any will do."""
        return {}

    def ignored(self, values: Values) -> Iterable[str]:
        return ()

    def required(self, values: Values) -> Iterable[str]:
        return ()


@dataclass(frozen=True, kw_only=True)
class Needs(Rule):
    """`field` can be given only together with `other`."""

    field: str
    other: str

    @property
    def fields(self) -> tuple[str, ...]:
        return self.field, self.other

    @property
    def drivers(self) -> tuple[str, ...]:
        return (self.other,)

    def blocked(self, values: Values) -> Iterable[Block]:
        if not amount(values.get(self.other)):
            yield Block(self.field, None, self.sentence)


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
    def fields(self) -> tuple[str, ...]:
        return self.field, self.when.field

    @property
    def drivers(self) -> tuple[str, ...]:
        return (self.when.field,)

    def blocked(self, values: Values) -> Iterable[Block]:
        if not self.when.holds(values):
            yield from (Block(self.field, option, self.sentence) for option in self.options)

    def default(self, values: Values) -> Mapping[str, object]:
        if self.preset is None or not self.when.holds(values):
            return {}
        return {self.field: self.preset}


@dataclass(frozen=True, kw_only=True)
class RequiredUnless(Rule):
    """`field` must be given, unless the condition holds."""

    field: str
    unless: Condition

    @property
    def fields(self) -> tuple[str, ...]:
        return self.field, self.unless.field

    @property
    def drivers(self) -> tuple[str, ...]:
        return (self.unless.field,)

    def required(self, values: Values) -> Iterable[str]:
        return () if self.unless.holds(values) else (self.field,)

    def problems(self, values: Values) -> Iterable[Problem]:
        empty = (name for name in self.required(values) if not amount(values.get(name)))
        return [Problem(name, self.sentence) for name in empty]


@dataclass(frozen=True, kw_only=True)
class IgnoredWhen(Rule):
    """While the condition holds `field` plays no part: disabled, not checked, not sent."""

    field: str
    when: Condition

    @property
    def fields(self) -> tuple[str, ...]:
        return self.field, self.when.field

    @property
    def drivers(self) -> tuple[str, ...]:
        return (self.when.field,)

    def blocked(self, values: Values) -> Iterable[Block]:
        if self.when.holds(values):
            yield Block(self.field, None, self.sentence)

    def problems(self, values: Values) -> Iterable[Problem]:
        return ()

    def ignored(self, values: Values) -> Iterable[str]:
        return (self.field,) if self.when.holds(values) else ()


@dataclass(frozen=True, kw_only=True)
class AtLeastOne(Rule):
    """Something of `among` must be given; the sentence stands at `at`."""

    among: tuple[str, ...]
    at: str

    @property
    def fields(self) -> tuple[str, ...]:
        return *self.among, self.at

    def problems(self, values: Values) -> Iterable[Problem]:
        if not _together(self.among, values):
            yield Problem(self.at, self.sentence)


@dataclass(frozen=True, kw_only=True)
class AtMostTogether(Rule):
    """Everything in `among` counts to at most `limit`, said at `at`. Fills {limit} and {count}."""

    among: tuple[str, ...]
    limit: int
    at: str

    @property
    def fields(self) -> tuple[str, ...]:
        return *self.among, self.at

    def problems(self, values: Values) -> Iterable[Problem]:
        count = _together(self.among, values)
        if count > self.limit:
            yield Problem(self.at, self.sentence.filled(limit=self.limit, count=count))


@dataclass(frozen=True, kw_only=True)
class AtMostWhen(Rule):
    """`field` holds at most `limit` while the condition holds. Fills {limit} and {count}."""

    field: str
    limit: int
    when: Condition

    @property
    def fields(self) -> tuple[str, ...]:
        return self.field, self.when.field

    def problems(self, values: Values) -> Iterable[Problem]:
        count = amount(values.get(self.field))
        if count > self.limit and self.when.holds(values):
            yield Problem(self.field, self.sentence.filled(limit=self.limit, count=count))


@dataclass(frozen=True, kw_only=True)
class NotWithMoreThan(Rule):
    """`field` cannot be given when, with it, `field` and `among` come to more than `limit`."""

    field: str
    among: tuple[str, ...]
    limit: int

    @property
    def fields(self) -> tuple[str, ...]:
        return self.field, *self.among

    @property
    def drivers(self) -> tuple[str, ...]:
        return self.among

    def blocked(self, values: Values) -> Iterable[Block]:
        if _together(self.among, values) + 1 > self.limit:
            yield Block(self.field, None, self.sentence)


@dataclass(frozen=True, kw_only=True)
class ExactSize(Rule):
    """The pictures of `field` have exactly the pixels that belong to the option chosen.

    `sizes` gives (width, height) by the value of `by`; nothing chosen allows any of them.
    Fills {width}, {height} and {sizes}. A picture of unknown size is not judged.
    """

    field: str
    by: str
    sizes: Mapping[object, tuple[int, int]]

    @property
    def fields(self) -> tuple[str, ...]:
        return self.field, self.by

    def wanted(self, values: Values) -> Mapping[str, Sizes]:
        chosen = self.sizes.get(values.get(self.by))
        return {self.field: (chosen,) if chosen else tuple(dict.fromkeys(self.sizes.values()))}

    def problems(self, values: Values) -> Iterable[Problem]:
        allowed = self.wanted(values)[self.field]
        names = tuple(f"{width} × {height}" for width, height in allowed)
        for item, media in enumerate(_files(values.get(self.field))):
            size = (media.width, media.height)
            if None not in size and size not in allowed:
                filled = self.sentence.filled(width=size[0], height=size[1], sizes=names)
                yield Problem(self.field, filled, item)


@dataclass(frozen=True, kw_only=True)
class SumEquals(Rule):
    """The `column` of the rows in `field` adds up to `total`. Fills {sum} and {total}."""

    field: str
    column: str
    total: str

    @property
    def fields(self) -> tuple[str, ...]:
        return self.field, self.total

    def problems(self, values: Values) -> Iterable[Problem]:
        rows, total = values.get(self.field), values.get(self.total)
        if not isinstance(rows, list) or not rows:
            return
        added = sum(getattr(row, self.column) for row in rows)
        if added != total:
            yield Problem(self.field, self.sentence.filled(sum=added, total=total))


def _together(names: Iterable[str], values: Values) -> int:
    return sum(amount(values.get(name)) for name in names)


def _files(value: object) -> list[Media]:
    files = value if isinstance(value, list) else [value]
    return [media for media in files if isinstance(media, Media)]
