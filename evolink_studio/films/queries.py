"""Reads for the films page: pages of any depth, newest first, and what stands beside a film."""

from collections.abc import Iterable
from datetime import date, timedelta

from django.db.models import Q, prefetch_related_objects

from evolink_studio.accounts.models import User
from evolink_studio.core.calendar import get_local_day_start
from evolink_studio.films.film_list import Cursor, FilmCount, FilmList
from evolink_studio.films.filters import FIRST_DATE, LAST_DATE, FilmFilters
from evolink_studio.films.models import Collection, SavedView, Tag
from evolink_studio.generations.models import Batch, Generation
from evolink_studio.generations.queries import HIDDEN_COLUMNS, load_results
from evolink_studio.generations.states import State
from evolink_studio.projects.models import Project

HIDDEN_FILM_COLUMNS = (*HIDDEN_COLUMNS, "label_text", "notes")


def load_page(films: FilmList, *, cursor: Cursor | None, limit: int) -> list[Generation]:
    """Films of a list, newest first, after a cursor, with their results. At most six queries."""
    return load_films(films.read_ids(cursor, limit))


def load_page_through(films: FilmList, *, cursor: Cursor, limit: int) -> list[Generation]:
    """The cursor's film and the next newer ones, newest first, with their results."""
    moment, pk = cursor
    return load_films(films.read_newer_ids((moment, pk - 1), limit))


def find_day_cursor(films: FilmList, day: date) -> Cursor:
    """Where the list of a day and the days before it begins. One query."""
    rows = Generation.objects.all()
    if films.owner_id is not None:
        rows = rows.filter(owner_id=films.owner_id)
    if day < LAST_DATE:
        rows = rows.filter(created_at__lt=get_local_day_start(day + timedelta(days=1)))
    cursor = rows.order_by("-created_at", "-id").values_list("created_at", "pk").first()
    return (cursor[0], cursor[1] + 1) if cursor else (get_local_day_start(FIRST_DATE), 0)


def find_neighbours(
    user: User, filters: FilmFilters, generation: Generation
) -> tuple[int | None, int | None]:
    """The films before and after one in a list: the next newer, the next older. Six queries."""
    films = FilmList(user, filters)
    cursor = (generation.created_at, generation.pk)
    newer_ids, older_ids = films.read_newer_ids(cursor, 1), films.read_ids(cursor, 1)
    return next(iter(newer_ids), None), next(iter(older_ids), None)


def load_films(pks: Iterable[int]) -> list[Generation]:
    """These films with results and, where there are none, inputs; newest first. Four queries."""
    rows = Generation.objects.filter(pk__in=list(pks)).defer(*HIDDEN_FILM_COLUMNS)
    films = load_results(rows.order_by("-created_at", "-id"))
    unfinished = [film for film in films if film.state != State.COMPLETED]
    if unfinished:
        # Neither filtered nor ordered: SQLite would read all pictures there are for that.
        prefetch_related_objects(unfinished, "inputs")
    return films


def get_take_numbers(films: Iterable[Generation]) -> dict[int, tuple[int, int]]:
    """By film that is one of several takes: its number among them and how many there are.

    One query, none where no film is of a batch.
    """
    batch_ids = {film.batch_id for film in films if film.batch_id}
    if not batch_ids:
        return {}
    takes = Generation.objects.filter(batch__in=batch_ids, batch__kind=Batch.Kind.TAKES)
    pks_by_batch: dict[int | None, list[int]] = {}
    for batch_id, pk in takes.order_by("batch_id", "pk").values_list("batch_id", "pk"):
        pks_by_batch.setdefault(batch_id, []).append(pk)
    return {
        pk: (number, len(pks))
        for pks in pks_by_batch.values()
        for number, pk in enumerate(pks, start=1)
        if len(pks) > 1
    }


def list_tags(user: User) -> dict[int, str]:
    """A person's tags by number, in the order of their names. One query."""
    return dict(Tag.objects.filter(owner_id=user.pk).order_by("name").values_list("pk", "name"))


def list_collections(user: User) -> dict[int, str]:
    """A person's collections likewise. One query."""
    rows = Collection.objects.filter(owner_id=user.pk).order_by("name")
    return dict(rows.values_list("pk", "name"))


def list_projects(user: User, used_ids: Iterable[int], chosen_id: int | None) -> dict[int, str]:
    """Names of projects by number: those of listed films, and the one that is looked for.

    That one only if the person may see it: its number stands in an address. One query.
    """
    condition = Q(pk__in=list(used_ids))
    if chosen_id is not None:  # "or no number" would make the database read them all
        usable = Q(pk__in=Project.objects.usable_by(user).values("pk"))
        condition |= Q(pk=chosen_id) & (Q() if user.is_superuser else usable)
    rows = Project.objects.filter(condition)
    return dict(rows.order_by("name", "pk").values_list("pk", "name"))


def get_batch_title(owner_id: int | None, batch_id: int) -> str:
    """What a person calls a batch; "" for one without a title or of somebody else. One query.

    `owner_id` None: anybody's.
    """
    rows = Batch.objects.filter(pk=batch_id)
    if owner_id is not None:
        rows = rows.filter(owner_id=owner_id)
    return rows.values_list("title", flat=True).first() or ""


def list_people() -> dict[int, str]:
    """Everybody by number. One query."""
    return dict(User.objects.order_by("username").values_list("pk", "username"))


def list_saved_views(user: User) -> list[SavedView]:
    """A person's saved views, by name. One query."""
    return list(SavedView.objects.filter(owner_id=user.pk).order_by("name", "pk"))


def find_blame(films: FilmList) -> list[tuple[str, FilmCount]]:
    """Of an empty list: each filter without which there would be films, and how many.

    At most four queries for each filter.
    """
    names = films.filters.active_names
    counts = (
        (name, FilmList(films.user, films.filters.without(name), like=films).count())
        for name in names
    )
    return [(name, count) for name, count in counts if count]
