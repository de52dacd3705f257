"""A search of a list as branches, which together hold what it finds.

Each word of a search may mean several things: "ada boat" finds what Ada made with a boat, and what
has both words. Each way to read all words is a branch, served by an index of its own; the list
merges them. One condition with OR would make the database read everything.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import reduce
from itertools import product
from operator import or_

from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Q
from django.utils.text import smart_split, unescape_string_literal

from evolink_studio.core.search import fold_text
from evolink_studio.core.text_index import TextIndex

MAX_TERMS = 20
MAX_BRANCHES = 40


@dataclass(frozen=True)
class Meaning:
    """What a term may stand for: rows that a condition finds, or a piece of an indexed text."""

    condition: Q = field(default_factory=Q)
    piece: str = ""


def split_terms(text: str) -> list[str]:
    """The words of a search; in quotation marks several are one.

    Raises IncorrectLookupParameters for what no search may be.
    """
    if "\0" in text:  # PostgreSQL refuses NUL in a query
        raise IncorrectLookupParameters
    terms = [_unquote(term) for term in smart_split(text)]
    if len(terms) > MAX_TERMS:
        raise IncorrectLookupParameters
    return terms


def mean_piece(term: str) -> Meaning:
    """The term as a piece of an indexed text."""
    return Meaning(piece=fold_text(term))


def build_branches(
    terms: Iterable[str],
    list_meanings: Callable[[str], Iterable[Meaning]],
    index: TextIndex | None = None,
) -> list[Q]:
    """A condition for each way to read all the terms; none where one of them means nothing."""
    meanings = [list(list_meanings(term)) for term in terms]
    combinations = list(product(*meanings))
    if len(combinations) <= MAX_BRANCHES:
        return [_build_condition(combination, index) for combination in combinations]
    # Too many to be merged: one condition that reads more.
    conditions = [
        reduce(or_, (_build_condition((meaning,), index) for meaning in of_term))
        for of_term in meanings
    ]
    return [Q(*conditions)]


def _build_condition(meanings: tuple[Meaning, ...], index: TextIndex | None) -> Q:
    pieces = [meaning.piece for meaning in meanings if meaning.piece]
    condition = Q(*(meaning.condition for meaning in meanings))
    return condition & index.build_filter(pieces) if index and pieces else condition


def _unquote(term: str) -> str:
    is_quoted = len(term) > 1 and term[0] in "\"'" and term[0] == term[-1]
    return unescape_string_literal(term) if is_quoted else term
