"""Which films a form means: those that were ticked, or all that the films page's filters leave."""

from collections.abc import Iterable

from django.http import Http404, QueryDict

from evolink_studio.accounts.models import User
from evolink_studio.core.database import parse_id
from evolink_studio.films.exceptions import NothingSelected, TooManyFilms
from evolink_studio.films.filters import filter_films, parse_filters
from evolink_studio.films.order_queries import list_owned_ids
from evolink_studio.films.services import MAX_FILMS_PER_CHANGE


def parse_ids(texts: Iterable[str]) -> list[int]:
    """The ids in these values, each of which may hold several with commas between."""
    parts = (part.strip() for text in texts for part in text.split(","))
    return [pk for part in parts if (pk := parse_id(part)) is not None]


def find_selected(user: User, data: QueryDict) -> list[int]:
    """The ids of this person's films that a form names, by `id` or by `all` and `query`.

    Raises NothingSelected without any, TooManyFilms, and Http404 when none of them is the person's.
    """
    if data.get("all"):
        films = filter_films(user, parse_filters(QueryDict(data.get("query", ""))))
        ids = list(films.order_by().values_list("pk", flat=True)[: MAX_FILMS_PER_CHANGE + 1])
        found_ids = list_owned_ids(user, ids) if len(ids) <= MAX_FILMS_PER_CHANGE else ids
        if not found_ids:
            raise NothingSelected
    else:
        ids = parse_ids(data.getlist("id"))
        if not ids:
            raise NothingSelected
        found_ids = list_owned_ids(user, ids[: MAX_FILMS_PER_CHANGE + 1])
        if not found_ids:
            raise Http404
    if len(found_ids) > MAX_FILMS_PER_CHANGE:
        raise TooManyFilms(limit=MAX_FILMS_PER_CHANGE)
    return found_ids
