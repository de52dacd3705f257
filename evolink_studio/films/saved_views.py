"""Writes of saved views: filters of the films page under a name."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.http import QueryDict

from evolink_studio.accounts.models import User
from evolink_studio.films.filters import parse_filters
from evolink_studio.films.models import SavedView

MAX_SAVED_VIEWS = 50
MAX_QUERY_LENGTH = 2000


class SavedViewError(Exception):
    """Nothing was saved, because of the name, the filters or how many there are."""


class ViewNameTaken(SavedViewError):
    """The person has a saved view of that name."""


class TooManyViews(SavedViewError):
    """The person has as many as there may be."""


class QueryTooLong(SavedViewError):
    """The filters are more than a saved view holds."""


def save_view(*, owner: User, name: str, query: str, now: datetime) -> SavedView:
    """Keep the filters of an address under a name; one of the same name is replaced.

    Of the query only what the films page understands is kept. Raises SavedViewError.
    """
    kept_query = parse_filters(QueryDict(query)).build_query()
    if len(kept_query) > MAX_QUERY_LENGTH:
        raise QueryTooLong
    views = SavedView.objects.filter(owner_id=owner.pk)
    if not views.filter(name=name).exists() and views.count() >= MAX_SAVED_VIEWS:
        raise TooManyViews
    view, _is_new = SavedView.objects.update_or_create(
        owner=owner, name=name, defaults={"query": kept_query, "created_at": now}
    )
    return view


def rename_view(*, view: SavedView, name: str) -> None:
    """Give it another name. Raises ViewNameTaken."""
    try:
        with transaction.atomic():
            SavedView.objects.filter(pk=view.pk).update(name=name)
    except IntegrityError as error:
        raise ViewNameTaken from error


def delete_view(*, view: SavedView) -> None:
    """Delete the name; the films stay."""
    SavedView.objects.filter(pk=view.pk).delete()
