"""The whole form as one control sees it, and the catalogue's texts in the person's language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext

from evolink_studio.catalog.rules import Block, Sizes
from evolink_studio.catalog.text import Problem, Sentence
from evolink_studio.library.models import Asset


def say(sentence: Sentence) -> str:
    """A sentence of the catalogue in the person's language."""
    return sentence.render(gettext)


def words(msgid: str) -> str:
    """A label or help text of the catalogue in the person's language."""
    return gettext(msgid) if msgid else ""


@dataclass(frozen=True)
class Scene:
    """What a control must know of the rest of the form."""

    values: Mapping[str, object]
    defaults: Mapping[str, object]
    blocks: Sequence[Block]
    problems: Sequence[Problem]
    assets: Mapping[str, Asset] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    sizes: Mapping[str, Sizes] = field(default_factory=dict)

    def value(self, name: str) -> object:
        given = self.values.get(name)
        return self.defaults.get(name) if given in (None, "", []) else given

    def reason(self, name: str) -> str:
        return next(
            (say(b.sentence) for b in self.blocks if b.field == name and b.option is None), ""
        )

    def reasons(self, name: str) -> dict[str, str]:
        """Why options are disabled, by the option as text."""
        found = (b for b in self.blocks if b.field == name and b.option is not None)
        return {text(b.option): say(b.sentence) for b in found}

    def errors(self, name: str) -> tuple[str, ...]:
        """Sentences for the whole control: those of single files stand at their slots too."""
        return tuple(dict.fromkeys(say(p.sentence) for p in self.problems if p.field == name))


def text(value: object) -> str:
    """A value as the form sends it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def items(value: object) -> list[object]:
    """The files or rows of a control, one or many."""
    return value if isinstance(value, list) else [value] if value else []
