"""Searching generations: by number, task, person and words of the prompt."""

from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Q, QuerySet
from django.utils.text import smart_split, unescape_string_literal

from evolink_studio.accounts.models import User
from evolink_studio.core.database import parse_id
from evolink_studio.core.search import fold_text
from evolink_studio.generations.models import Generation

MAX_TERMS = 20
PERSON_COLUMNS = ("username", "first_name", "last_name", "email")


def search_generations(rows: QuerySet[Generation], text: str) -> QuerySet[Generation]:
    """Those that every word fits: its number, its task, its person, or a piece of its prompt.

    In quotation marks several words are one. Case counts in no script. A task id alone is found by
    its index; anything else reads the prompts. Raises IncorrectLookupParameters.
    """
    if "\0" in text:  # PostgreSQL refuses NUL in a query
        raise IncorrectLookupParameters
    terms = [_unquote(term) for term in smart_split(text)]
    if len(terms) > MAX_TERMS:
        raise IncorrectLookupParameters
    if len(terms) == 1 and Generation.objects.filter(task_id=terms[0]).exists():
        return rows.filter(task_id=terms[0])
    for term in terms:
        rows = rows.filter(_build_term_filter(term))
    return rows


def _build_term_filter(term: str) -> Q:
    people = Q()
    for column in PERSON_COLUMNS:
        people |= Q(**{f"{column}__folded": term})
    condition = (
        Q(search_text__holds=fold_text(term))
        | Q(task_id__contains=term)
        | Q(owner__in=User.objects.filter(people).order_by().values("pk"))
    )
    number = parse_id(term.removeprefix("#"))
    return condition if number is None else condition | Q(pk=number)


def _unquote(term: str) -> str:
    is_quoted = len(term) > 1 and term[0] in "\"'" and term[0] == term[-1]
    return unescape_string_literal(term) if is_quoted else term
