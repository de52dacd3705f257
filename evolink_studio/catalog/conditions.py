"""When a rule holds: small questions to the values of a form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

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
