"""Names of the cast in a prompt: found, and replaced by what is sent for them. No database."""

import re
from collections.abc import Mapping

from evolink_studio.core.search import fold_text

MAX_NAME_CHARACTERS = 40
NAME_PATTERN = r"\w{1,40}"
# Not in an address: that has a letter before its @.
_NAME_AFTER_AT = re.compile(r"(?<![\w.@])@(\w{1,40})(?!\w)")


def find_names(text: str) -> list[str]:
    """The folded names behind an @, each once, in the order in which they appear."""
    return list(dict.fromkeys(fold_text(name) for name in _NAME_AFTER_AT.findall(text)))


def replace_names(text: str, replacements: Mapping[str, str]) -> str:
    """The text with each `@name` replaced, by its folded name; unknown names stay as they are."""
    return _NAME_AFTER_AT.sub(
        lambda match: replacements.get(fold_text(match[1]), match[0]),
        text,
    )
