"""Search that ignores case in every script, and the accents of letters, on SQLite too.

SQLite compares only the letters A to Z without their case. A small table is folded row by row, by
the lookup `folded`; a table that grows keeps its folded text in a column, which is searched as it
is, by an index of its own (`core/text_index.py`).
"""

import sys
import unicodedata
from sqlite3 import Connection
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models import Lookup

FOLD_FUNCTION = "studio_fold"


# Accents that stand beside a letter once it is taken apart: of Latin, Greek and Cyrillic letters.
# The marks of other scripts are letters of their own.
_FIRST_ACCENT, _LAST_ACCENT = "\u0300", "\u036f"
_WITHOUT_ACCENTS = dict.fromkeys(range(ord(_FIRST_ACCENT), ord(_LAST_ACCENT) + 1))
# Letters with a stroke, which no decomposition takes apart.
_WITHOUT_STROKES = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i"})


def fold_text(text: str) -> str:
    """The text as it is compared: without case and accents, with one spelling of each letter."""
    if text.isascii():
        return text.lower()
    folded_text = unicodedata.normalize("NFKC", text).casefold()
    return _drop_accents(folded_text).translate(_WITHOUT_STROKES)


def _drop_accents(text: str) -> str:
    plain_text = unicodedata.normalize("NFKD", text).translate(_WITHOUT_ACCENTS)
    return unicodedata.normalize("NFKC", plain_text)


class FoldedContains(Lookup[Any]):
    """The lookup `folded`: “arger” finds “ÄRGER”. PostgreSQL knows the case of every script."""

    lookup_name = "folded"

    def as_sql(
        self, compiler: Any, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[str | int, ...]]:
        column, parameters = compiler.compile(self.lhs)
        if connection.vendor != "sqlite":
            # The collation knows every script, whatever the locale of the database is.
            folded_column = f'LOWER({column}::text COLLATE "und-x-icu")'
            accents = f"[{_FIRST_ACCENT}-{_LAST_ACCENT}]"
            plain_column = f"REGEXP_REPLACE(NORMALIZE({folded_column}, NFKD), %s, '', 'g')"
            folded_column = f"NORMALIZE({plain_column}, NFKC)"
            text = _drop_accents(str(self.rhs).lower())
            return f"STRPOS({folded_column}, %s) > 0", (*parameters, accents, text)
        text = fold_text(str(self.rhs))
        return f"INSTR({FOLD_FUNCTION}({column}), %s) > 0", (*parameters, text)


class HoldsText(Lookup[Any]):
    """The lookup `holds`: the column has exactly these characters somewhere."""

    lookup_name = "holds"
    prepare_rhs = False

    def as_sql(
        self, compiler: Any, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[str | int, ...]]:
        column, parameters = compiler.compile(self.lhs)
        text = str(self.rhs)
        if connection.vendor == "sqlite":
            return f"INSTR({column}, %s) > 0", (*parameters, text)
        # An index of trigrams serves LIKE, and the planner knows how often its words occur.
        return f"{column} LIKE %s", (*parameters, f"%{connection.ops.prep_for_like_query(text)}%")


class BeginsWith(Lookup[Any]):
    """The lookup `begins`: a range of the column's index. Case counts."""

    lookup_name = "begins"
    prepare_rhs = False

    def as_sql(
        self, compiler: Any, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[str | int, ...]]:
        column, parameters = compiler.compile(self.lhs)
        text = str(self.rhs)
        if connection.vendor == "sqlite":
            bounds = (text, text + chr(sys.maxunicode))
            return f"({column} >= %s AND {column} < %s)", (
                *parameters,
                bounds[0],
                *parameters,
                bounds[1],
            )
        # By Django's index with `varchar_pattern_ops`; the usual one follows the collation.
        return f"{column} LIKE %s", (*parameters, f"{connection.ops.prep_for_like_query(text)}%")


class FoldedTextField(models.TextField[str, str]):
    """The folded text of another column, which is written with it: `source` is its name."""

    def __init__(self, *args: Any, source: str, **kwargs: Any) -> None:
        self.source = source
        super().__init__(*args, **{**kwargs, "editable": False, "blank": True, "default": ""})

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "source": self.source}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        text = fold_text(getattr(model_instance, self.source))
        setattr(model_instance, self.attname, text)
        return text


def register_search() -> None:
    """Make the lookups known, and the function on every SQLite connection. Called once."""
    for field in (models.CharField, models.TextField):
        field.register_lookup(FoldedContains)
    models.TextField.register_lookup(HoldsText)
    models.CharField.register_lookup(BeginsWith)
    connection_created.connect(_add_fold_function, dispatch_uid=FOLD_FUNCTION)


def _add_fold_function(connection: BaseDatabaseWrapper, **kwargs: object) -> None:
    if connection.vendor == "sqlite":
        database: Connection = connection.connection
        database.create_function(FOLD_FUNCTION, 1, _fold_value, deterministic=True)


def _fold_value(value: object) -> str | None:
    return None if value is None else fold_text(str(value))
