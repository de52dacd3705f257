"""Placeholders in a template: found, and filled in. No database. prompt.js finds the same ones."""

import re
from collections.abc import Mapping

MAX_PLACEHOLDERS = 20
MAX_FILL_LENGTH = 200
_PLACEHOLDER = re.compile(r"\{([^{}\n]{1,40})\}")


def find_placeholders(text: str) -> list[str]:
    """Their names, each once, in the order in which they appear."""
    names = (name.strip() for name in _PLACEHOLDER.findall(text))
    return list(dict.fromkeys(name for name in names if name))


def fill_placeholders(text: str, values: Mapping[str, str]) -> str:
    """The text with what stands for each name; a placeholder without a value stays as it is."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1].strip()) or match[0], text)
