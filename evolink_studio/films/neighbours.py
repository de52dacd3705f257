"""The films before and after one in the list that a person came from. Reads only."""

from dataclasses import dataclass

from django.http import QueryDict
from django.urls import reverse
from django.utils.http import urlencode

from evolink_studio.accounts.models import User
from evolink_studio.films.filters import parse_filters
from evolink_studio.films.queries import find_neighbours
from evolink_studio.generations.models import Generation

MAX_LIST_QUERY_LENGTH = 2000


@dataclass(frozen=True)
class Neighbours:
    """Addresses of the newer and the older film, "" at an end, and of the list itself."""

    newer_url: str
    older_url: str
    list_url: str


def load_neighbours(user: User, generation: Generation, list_query: str) -> Neighbours:
    """`list_query` is the query string of the films page that the person came from. Six queries.

    Of a list of other people's films only the person's own ones have a page.
    """
    query = QueryDict(list_query[:MAX_LIST_QUERY_LENGTH])
    filters = parse_filters(query).without("person")
    newer_id, older_id = find_neighbours(user, filters, generation)
    place = {"through": generation.created_at.isoformat(), "id": str(generation.pk)}
    return Neighbours(
        newer_url=_build_film_url(newer_id, filters.build_query()),
        older_url=_build_film_url(older_id, filters.build_query()),
        list_url=f"{filters.build_url(place)}#film-{generation.pk}",
    )


def _build_film_url(pk: int | None, list_query: str) -> str:
    if pk is None:
        return ""
    url = reverse("film", args=[pk])
    return f"{url}?{urlencode({'in': list_query})}" if list_query else url
