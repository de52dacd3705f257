"""Taking back what was done with films at once."""

from collections.abc import Callable, Mapping
from datetime import datetime

from django.db import transaction

from evolink_studio.core.database import parse_id
from evolink_studio.core.json_field import get_member
from evolink_studio.films import services, trash
from evolink_studio.films.exceptions import FilmError
from evolink_studio.films.models import Collection as FilmCollection
from evolink_studio.films.models import FilmChange
from evolink_studio.films.services import ChangeResult
from evolink_studio.projects.models import Project

Kind = FilmChange.Kind


def undo_change(*, change: FilmChange, now: datetime) -> int:
    """Take back a change of films, once. Returns how many films are as they were.

    Films that were changed again since are left as they are; so is what needs a collection or a
    project that is gone.
    """
    with transaction.atomic():
        if not FilmChange.objects.filter(pk=change.pk).delete()[0]:
            return 0
    try:
        return _INVERSES[Kind(change.kind)](change, now)
    except FilmError:
        return 0


def _undo_star(change: FilmChange, now: datetime) -> int:
    # Films that were starred by this change and by no later one.
    return _forget(services.unstar(owner=change.owner, film_ids=_list_films(change), now=now))


def _undo_unstar(change: FilmChange, now: datetime) -> int:
    return _forget(services.star(owner=change.owner, film_ids=_list_films(change), now=now))


def _undo_tag(change: FilmChange, now: datetime) -> int:
    return _change_tags(services.remove_tags, change, now)


def _undo_untag(change: FilmChange, now: datetime) -> int:
    return _change_tags(services.add_tags, change, now)


def _change_tags(
    change_tags: Callable[..., ChangeResult], change: FilmChange, now: datetime
) -> int:
    """Each tag at the films where it was changed. How many films are as they were."""
    owner, changed_ids = change.owner, set[int]()
    for name, film_ids in _list_tagged(change).items():
        result = change_tags(owner=owner, film_ids=film_ids, names=name, now=now)
        if result.change is not None:
            changed_ids.update(_list_films(result.change))
        _forget(result)
    return len(changed_ids)


def _list_tagged(change: FilmChange) -> dict[str, list[int]]:
    """Films by the name of the tag. What was stored before there were several has one."""
    by_tag = get_member(change.values, "by_tag")
    if not isinstance(by_tag, Mapping):
        return {str(get_member(change.values, "name") or ""): _list_films(change)}
    return {str(name): _keep_ids(film_ids) for name, film_ids in by_tag.items()}


def _undo_collect(change: FilmChange, now: datetime) -> int:
    collection = _find_collection(change)
    if collection is None:
        return 0
    return _forget(
        services.remove_from_collection(
            owner=change.owner, film_ids=_list_films(change), collection=collection, now=now
        )
    )


def _undo_uncollect(change: FilmChange, now: datetime) -> int:
    collection = _find_collection(change)
    if collection is None:
        return 0
    return _forget(
        services.add_to_collection(
            owner=change.owner, film_ids=_list_films(change), collection=collection, now=now
        )
    )


def _undo_project(change: FilmChange, now: datetime) -> int:
    count = 0
    by_project = get_member(change.values, "by_project")
    for key, film_ids in (by_project if isinstance(by_project, Mapping) else {}).items():
        project = Project.objects.filter(pk=parse_id(str(key)) or 0).first() if key else None
        if key and project is None:
            continue
        moved = services.move_to_project(
            owner=change.owner, film_ids=_keep_ids(film_ids), project=project, now=now
        )
        count += _forget(moved)
    return count


def _undo_trash(change: FilmChange, now: datetime) -> int:
    return _forget(trash.restore(owner=change.owner, film_ids=_list_films(change), now=now))


def _undo_restore(change: FilmChange, now: datetime) -> int:
    return _forget(trash.move_to_trash(owner=change.owner, film_ids=_list_films(change), now=now))


_INVERSES: Mapping[Kind, Callable[[FilmChange, datetime], int]] = {
    Kind.STAR: _undo_star,
    Kind.UNSTAR: _undo_unstar,
    Kind.TAG: _undo_tag,
    Kind.UNTAG: _undo_untag,
    Kind.COLLECT: _undo_collect,
    Kind.UNCOLLECT: _undo_uncollect,
    Kind.PROJECT: _undo_project,
    Kind.TRASH: _undo_trash,
    Kind.RESTORE: _undo_restore,
}


def _forget(result: ChangeResult) -> int:
    """The count; what was taken back is no change of its own."""
    if result.change is not None:
        result.change.delete()
    return result.count


def _list_films(change: FilmChange) -> list[int]:
    return _keep_ids(get_member(change.values, "films"))


def _keep_ids(value: object) -> list[int]:
    return [item for item in value if isinstance(item, int)] if isinstance(value, list) else []


def _find_collection(change: FilmChange) -> FilmCollection | None:
    collection_id = get_member(change.values, "collection")
    if not isinstance(collection_id, int):
        return None
    return FilmCollection.objects.filter(owner=change.owner, pk=collection_id).first()
