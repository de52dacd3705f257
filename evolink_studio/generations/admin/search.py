"""Searching generations: by number, task, person and words of the prompt."""

from collections.abc import Iterator

from django.db.models import Q

from evolink_studio.accounts.search import mean_people
from evolink_studio.core import term_search
from evolink_studio.core.database import parse_id
from evolink_studio.core.term_search import Meaning, mean_piece
from evolink_studio.generations.models import Generation
from evolink_studio.generations.search_index import FILM_INDEX

MIN_TASK_PREFIX_LENGTH = 12  # characters; all task ids begin alike


def build_branches(text: str) -> list[Q]:
    """Those that every word fits: its number, its task, its person, or a piece of its prompt.

    In quotation marks several words are one. Case counts in no script. A row may fit several of the
    conditions. Raises IncorrectLookupParameters. At most two queries for each term, and one.
    """
    terms = term_search.split_terms(text)
    if len(terms) == 1 and (pk := _find_exact(terms[0])) is not None:
        return [Q(pk=pk)]
    return term_search.build_branches(terms, _list_meanings, FILM_INDEX)


def _find_exact(term: str) -> int | None:
    """The one generation that a term names by the whole of its task id or its number. One query."""
    number = parse_id(term.removeprefix("#"))
    condition = Q(task_id=term) if number is None else Q(task_id=term) | Q(pk=number)
    task_ids = dict(Generation.objects.filter(condition).values_list("pk", "task_id"))
    return max(task_ids, key=lambda pk: task_ids[pk] == term, default=None)


def _list_meanings(term: str) -> Iterator[Meaning]:
    number = parse_id(term.removeprefix("#"))
    if number is not None:
        yield Meaning(Q(pk=number))
    if number is None or not term.startswith("#"):
        yield mean_piece(term)
    if len(term) >= MIN_TASK_PREFIX_LENGTH and " " not in term:
        yield Meaning(Q(task_id__begins=term))
    yield from mean_people(term, "owner")
