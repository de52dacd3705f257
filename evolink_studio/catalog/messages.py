"""Sentences for people: English here, translated where they are shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


def _(msgid: str) -> str:
    """Mark a text for translators; the translation itself happens when it is rendered."""
    return msgid


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence and the values that go into it.

    `msgid` has a {placeholder} for each value. A value that is a tuple is a list of words: each
    is translated by itself, then they are joined by commas.
    """

    msgid: str
    values: Mapping[str, object] = field(default_factory=dict)

    def with_values(self, **values: object) -> "Message":
        return Message(self.msgid, {**self.values, **values})

    def render(self, translate: Callable[[str], str] = str) -> str:
        def format_value(value: object) -> str:
            if isinstance(value, tuple):
                return ", ".join(translate(str(part)) for part in value)
            return f"{value:g}" if isinstance(value, float) else str(value)

        texts = {name: format_value(value) for name, value in self.values.items()}
        return translate(self.msgid).format_map(texts)

    def __str__(self) -> str:
        return self.render()


@dataclass(frozen=True, slots=True)
class FieldError:
    """Why a request is refused, and where the message is shown.

    `index` is the position in a list, from 0; `column` the column of that row.
    """

    field: str
    message: Message
    index: int | None = None
    column: str | None = None


@dataclass(frozen=True, slots=True)
class FieldNotice:
    """What is worth a look before paying, and where the message is shown; it may be sent.

    `index` and `column` as in `FieldError`.
    """

    field: str
    message: Message
    index: int | None = None
    column: str | None = None
