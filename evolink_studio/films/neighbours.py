"""The films before and after one in the list that a person came from. Reads only."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse

from evolink_studio.accounts.models import User
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State

MAX_LIST_QUERY_LENGTH = 2000


@dataclass(frozen=True)
class Neighbours:
    """Addresses of the newer and the older film, "" at an end, and of the list itself."""

    newer_url: str
    older_url: str
    list_url: str


def load_neighbours(user: User, generation: Generation, list_query: str) -> Neighbours:
    """`list_query` is the query string of the films page that the person came from. Two queries."""
    list_query = list_query[:MAX_LIST_QUERY_LENGTH]
    rows = Generation.objects.filter(owner_id=user.pk, state=State.COMPLETED, trashed_at=None)
    moment, pk = generation.created_at, generation.pk
    newer = rows.filter(created_at__gte=moment).exclude(created_at=moment, id__lte=pk)
    older = rows.filter(created_at__lte=moment).exclude(created_at=moment, id__gte=pk)
    return Neighbours(
        newer_url=_build_film_url(newer.order_by("created_at", "id"), list_query),
        older_url=_build_film_url(older.order_by("-created_at", "-id"), list_query),
        list_url=f"{reverse('films')}{'?' if list_query else ''}{list_query}",
    )


def _build_film_url(rows: QuerySet[Generation], list_query: str) -> str:
    pk = rows.values_list("pk", flat=True).first()
    if pk is None:
        return ""
    query = QueryDict(mutable=True)
    if list_query:
        query["in"] = list_query
    return f"{reverse('film', args=[pk])}{'?' if query else ''}{query.urlencode()}"
