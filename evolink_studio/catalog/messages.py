"""Sentences for people: English here, translated where they are shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


def _(msgid: str) -> str:
    """Mark a text for translators; the translation itself happens when it is rendered."""
    return msgid


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence and the values that go into it.

    `text` is the msgid. A value that is a tuple is a list of words: each is translated by
    itself, then they are joined by commas.
    """

    text: str
    values: Mapping[str, object] = field(default_factory=dict)

    def filled(self, **values: object) -> "Sentence":
        return Sentence(self.text, {**self.values, **values})

    def render(self, translate: Callable[[str], str] = str) -> str:
        def word(value: object) -> str:
            if isinstance(value, tuple):
                return ", ".join(translate(str(part)) for part in value)
            return f"{value:g}" if isinstance(value, float) else str(value)

        words = {name: word(value) for name, value in self.values.items()}
        return translate(self.text).format_map(words)

    def __str__(self) -> str:
        return self.render()


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request is refused, and where the sentence stands.

    `item` is the place in a list, from 0; `column` the column of that row.
    """

    field: str
    sentence: Sentence
    item: int | None = None
    column: str | None = None
