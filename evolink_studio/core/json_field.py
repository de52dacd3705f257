"""A JSON column whose content never keeps a page from opening, and how to read such content."""

from collections.abc import Mapping
from typing import Any

from django.db import models


class TolerantJSONField(models.JSONField):
    """A JSONField that reads what Python cannot parse as None.

    A database keeps numbers of more digits, and lists of more levels, than Python reads.
    """

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        try:
            return super().from_db_value(value, expression, connection)
        except (ValueError, RecursionError):
            return None

    def deconstruct(self) -> Any:
        """As a JSONField: the column is the same, so migrations need not know."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs


def get_member(document: object, name: str) -> object:
    """What a JSON object holds under this name; None if it is another kind of JSON."""
    return document.get(name) if isinstance(document, Mapping) else None
