"""How a person keeps films in order: stars, titles, notes, tags, collections, projects.

Nothing here moves money or the work on a film. All functions look only at films of `owner`: ids of
somebody else's, or of none, change nothing. Films are changed in slices, each in a transaction of
its own that counts one change of the owner's feed, so that open pages hear of it and nobody waits
long. Raises a FilmError, with nothing changed, for what cannot be done. The trash is in `trash`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from evolink_studio.accounts.models import User
from evolink_studio.core.search import fold_text
from evolink_studio.films import models, naming
from evolink_studio.films.exceptions import (
    InvalidName,
    NameTaken,
    ProjectNotUsable,
    TextTooLong,
    TooManyFilms,
    TooManyNames,
    TooManyTags,
)
from evolink_studio.films.labels import build_label_text
from evolink_studio.films.models import DownloadSettings, FilmChange, Tag
from evolink_studio.generations.models import Generation
from evolink_studio.generations.transitions import increment_feed_version
from evolink_studio.projects.models import Project

MAX_FILMS_PER_CHANGE = 10_000
FILMS_PER_SLICE = 500
MAX_TITLE_LENGTH = 120
MAX_NOTES_LENGTH = 5_000
MAX_TAGS_PER_FILM = 30
MAX_TAGS_PER_PERSON = 1_000
MAX_COLLECTIONS_PER_PERSON = 200
MAX_CHANGES_PER_PERSON = 20  # that can be taken back

Kind = FilmChange.Kind


@dataclass(frozen=True)
class ChangeResult:
    """How many films were changed. `change` takes it back; None if none was.

    `unfinished_count` of the films were left as they were, because they are still being made.
    """

    count: int
    change: FilmChange | None = None
    unfinished_count: int = 0


# --- One film -------------------------------------------------------------------------------------


def set_title(*, owner: User, film_id: int, title: str) -> bool:
    """Give a film a title; "" takes it away. False when there is no such film."""
    title = " ".join(title.split())
    if len(title) > MAX_TITLE_LENGTH:
        raise TextTooLong(limit=MAX_TITLE_LENGTH)
    return _set_label(owner, film_id, title=title)


def set_notes(*, owner: User, film_id: int, notes: str) -> bool:
    """Write notes about a film; "" takes them away. False when there is no such film."""
    notes = notes.replace("\r\n", "\n").strip()
    if len(notes) > MAX_NOTES_LENGTH:
        raise TextTooLong(limit=MAX_NOTES_LENGTH)
    return _set_label(owner, film_id, notes=notes)


def _set_label(owner: User, film_id: int, **changes: str) -> bool:
    with transaction.atomic():
        version = increment_feed_version(owner.pk, affects_credits=False)
        rows = Generation.objects.filter(owner_id=owner.pk, pk=film_id)
        is_found = rows.update(changed_version=version, **changes) == 1
        _write_label_text([film_id])
    return is_found


def _write_label_text(film_ids: Collection[int]) -> None:
    """Bring `label_text` of these films up to date. Three queries, and one for each other text."""
    names: dict[int, list[str]] = defaultdict(list)
    links = Tag.generations.through.objects.filter(generation_id__in=film_ids)
    for film_id, name in links.order_by("tag__folded_name").values_list(
        "generation_id", "tag__name"
    ):
        names[film_id].append(name)
    ids_by_text: dict[str, list[int]] = defaultdict(list)
    rows = Generation.objects.filter(pk__in=film_ids)
    for film_id, title, notes, present in rows.values_list("pk", "title", "notes", "label_text"):
        text = build_label_text(title=title, notes=notes, tags=names[film_id])
        if text != present:
            ids_by_text[text].append(film_id)
    for text, ids in ids_by_text.items():
        Generation.objects.filter(pk__in=ids).update(label_text=text)


# --- Many films -----------------------------------------------------------------------------------


def star(*, owner: User, film_ids: Collection[int], now: datetime) -> ChangeResult:
    """Star films, those that are not."""
    return _change_columns(
        owner, film_ids, Kind.STAR, now, {"starred_at__isnull": True}, {"starred_at": now}
    )


def unstar(*, owner: User, film_ids: Collection[int], now: datetime) -> ChangeResult:
    """Take the star away from films that have one."""
    return _change_columns(
        owner, film_ids, Kind.UNSTAR, now, {"starred_at__isnull": False}, {"starred_at": None}
    )


def _change_columns(
    owner: User,
    film_ids: Collection[int],
    kind: Kind,
    now: datetime,
    condition: Mapping[str, Any],
    changes: Mapping[str, Any],
) -> ChangeResult:
    def change_slice(rows: QuerySet[Generation], version: int) -> list[int]:
        ids = list(rows.filter(**condition).values_list("pk", flat=True))
        Generation.objects.filter(pk__in=ids).update(changed_version=version, **changes)
        return ids

    return record_change(owner, kind, change_in_slices(owner, film_ids, change_slice), now=now)


def change_in_slices(
    owner: User,
    film_ids: Collection[int],
    change_slice: Callable[[QuerySet[Generation], int], list[int]],
) -> list[int]:
    """Change a person's films some at a time; returns the ids that `change_slice` says it changed.

    It gets the films, and the feed version that they are to bear. Raises TooManyFilms.
    """
    if len(film_ids) > MAX_FILMS_PER_CHANGE:
        raise TooManyFilms(limit=MAX_FILMS_PER_CHANGE)
    changed_ids: list[int] = []
    for some_ids in slice_ids(film_ids):
        with transaction.atomic():
            version = increment_feed_version(owner.pk, affects_credits=False)
            rows = Generation.objects.filter(owner_id=owner.pk, pk__in=some_ids)
            changed_ids += change_slice(rows, version)
    return changed_ids


def slice_ids(film_ids: Iterable[int]) -> Iterator[list[int]]:
    """The ids in slices of FILMS_PER_SLICE, in one order."""
    ids = sorted(set(film_ids))
    for start in range(0, len(ids), FILMS_PER_SLICE):
        yield ids[start : start + FILMS_PER_SLICE]


def record_change(
    owner: User,
    kind: Kind,
    changed_ids: Sequence[int],
    *,
    now: datetime,
    **values: object,
) -> ChangeResult:
    """Keep what was done, so that it can be taken back. Nothing is kept of no change."""
    if not changed_ids:
        return ChangeResult(0)
    changes = FilmChange.objects.filter(owner_id=owner.pk)
    with transaction.atomic():
        change = FilmChange.objects.create(
            owner=owner, kind=kind, values={"films": list(changed_ids), **values}, created_at=now
        )
        newest_ids = changes.order_by("-pk").values_list("pk", flat=True)[:MAX_CHANGES_PER_PERSON]
        changes.exclude(pk__in=list(newest_ids)).delete()
    return ChangeResult(len(changed_ids), change)


# --- Tags -----------------------------------------------------------------------------------------


def add_tags(*, owner: User, film_ids: Collection[int], names: str, now: datetime) -> ChangeResult:
    """Put tags on films, those that lack them. A tag of the same letters in another case is it.

    `names`: one, or several with commas between them. All of them, or none.
    """
    clean_names = _split_tag_names(names)
    owned_ids = _list_owned(owner, film_ids)
    if not owned_ids:
        return ChangeResult(0)
    with transaction.atomic():
        tags = [_get_or_create_tag(owner, name) for name in clean_names]
        _check_tag_count(tags, owned_ids)
    links = Tag.generations.through.objects

    def add_to_slice(tag: Tag, rows: QuerySet[Generation], version: int) -> list[int]:
        ids = set(rows.values_list("pk", flat=True))
        ids -= set(
            links.filter(tag=tag, generation_id__in=ids).values_list("generation", flat=True)
        )
        tag.generations.add(*ids)
        return _stamp(ids, version)

    return _record_tags(
        owner,
        Kind.TAG,
        {tag.name: change_in_slices(owner, owned_ids, partial(add_to_slice, tag)) for tag in tags},
        now,
    )


def remove_tags(
    *, owner: User, film_ids: Collection[int], names: str, now: datetime
) -> ChangeResult:
    """Take tags off films that have them; `names` as in `add_tags`.

    A tag that is on no film any more is deleted.
    """
    folded_names = {fold_text(name) for name in _list_names(names)}
    tags = list(Tag.objects.filter(owner=owner, folded_name__in=folded_names))
    links = Tag.generations.through.objects

    def remove_from_slice(tag: Tag, rows: QuerySet[Generation], version: int) -> list[int]:
        found = links.filter(tag=tag, generation_id__in=rows.values("pk"))
        ids = set(found.values_list("generation", flat=True))
        links.filter(tag=tag, generation_id__in=ids).delete()
        return _stamp(ids, version)

    ids_by_name = {
        tag.name: change_in_slices(owner, film_ids, partial(remove_from_slice, tag)) for tag in tags
    }
    for tag in tags:
        if not links.filter(tag=tag).exists():
            tag.delete()
    return _record_tags(owner, Kind.UNTAG, ids_by_name, now)


def _record_tags(
    owner: User, kind: Kind, ids_by_name: Mapping[str, list[int]], now: datetime
) -> ChangeResult:
    """Keep which tag was put on which films, or taken off them."""
    changed = {name: ids for name, ids in ids_by_name.items() if ids}
    changed_ids = sorted({pk for ids in changed.values() for pk in ids})
    name = ", ".join(changed)
    return record_change(owner, kind, changed_ids, now=now, name=name, by_tag=changed)


def _stamp(film_ids: set[int], version: int) -> list[int]:
    """Open pages hear of these films, and the search knows their tags."""
    Generation.objects.filter(pk__in=film_ids).update(changed_version=version)
    _write_label_text(film_ids)
    return sorted(film_ids)


def _list_owned(owner: User, film_ids: Collection[int]) -> list[int]:
    """Those of these films that are this person's. Raises TooManyFilms."""
    if len(film_ids) > MAX_FILMS_PER_CHANGE:
        raise TooManyFilms(limit=MAX_FILMS_PER_CHANGE)
    owned_ids: list[int] = []
    for some_ids in slice_ids(film_ids):
        rows = Generation.objects.filter(owner_id=owner.pk, pk__in=some_ids)
        owned_ids += rows.values_list("pk", flat=True)
    return owned_ids


def _get_or_create_tag(owner: User, name: str) -> Tag:
    tags = Tag.objects.filter(owner=owner)
    tag = tags.filter(folded_name=fold_text(name)).first()
    if tag is not None:
        return tag
    if tags.count() >= MAX_TAGS_PER_PERSON:
        raise TooManyNames(limit=MAX_TAGS_PER_PERSON)
    try:
        with transaction.atomic():
            return Tag.objects.create(owner=owner, name=name)
    except IntegrityError:  # the same word in another tab at the same moment
        return tags.get(folded_name=fold_text(name))


def _check_tag_count(tags: Sequence[Tag], film_ids: Collection[int]) -> None:
    """Whether these tags and those that each film has are not too many."""
    links = Tag.generations.through.objects.exclude(tag__in=tags)
    for some_ids in slice_ids(film_ids):
        counts = Counter(
            links.filter(generation_id__in=some_ids).values_list("generation_id", flat=True)
        )
        if max(counts.values(), default=0) + len(tags) > MAX_TAGS_PER_FILM:
            raise TooManyTags(limit=MAX_TAGS_PER_FILM)


# --- Collections ----------------------------------------------------------------------------------


def create_collection(*, owner: User, name: str, now: datetime) -> models.Collection:
    """Raises InvalidName, NameTaken or TooManyNames."""
    name = _clean_name(name, _get_length(models.Collection))
    collections = models.Collection.objects.filter(owner=owner)
    if collections.count() >= MAX_COLLECTIONS_PER_PERSON:
        raise TooManyNames(limit=MAX_COLLECTIONS_PER_PERSON)
    try:
        with transaction.atomic():
            return models.Collection.objects.create(owner=owner, name=name, created_at=now)
    except IntegrityError as error:
        raise NameTaken(name=name) from error


def get_or_create_collection(*, owner: User, name: str, now: datetime) -> models.Collection:
    """The person's collection of this name, made if there is none. Raises like `create_collection`.

    Upper and lower case are the same.
    """
    name = _clean_name(name, _get_length(models.Collection))
    collections = models.Collection.objects.filter(owner=owner, folded_name=fold_text(name))
    collection = collections.first()
    if collection is not None:
        return collection
    try:
        return create_collection(owner=owner, name=name, now=now)
    except NameTaken:  # made in another tab at the same moment
        return collections.get()


def rename_collection(*, collection: models.Collection, name: str) -> None:
    """Raises InvalidName or NameTaken."""
    name = _clean_name(name, _get_length(models.Collection))
    try:
        with transaction.atomic():
            collection.name = name
            collection.save(update_fields=["name", "folded_name"])
    except IntegrityError as error:
        raise NameTaken(name=name) from error


def delete_collection(*, collection: models.Collection) -> None:
    """The films stay."""
    collection.delete()


def add_to_collection(
    *, owner: User, film_ids: Collection[int], collection: models.Collection, now: datetime
) -> ChangeResult:
    """Lay films into a collection of the same person, those that are not in it."""
    links = models.Collection.generations.through.objects.filter(collection=collection)

    def add_to_slice(rows: QuerySet[Generation], version: int) -> list[int]:
        ids = set(rows.values_list("pk", flat=True))
        ids -= set(links.filter(generation_id__in=ids).values_list("generation", flat=True))
        collection.generations.add(*ids)
        Generation.objects.filter(pk__in=ids).update(changed_version=version)
        return sorted(ids)

    changed_ids = change_in_slices(owner, film_ids, add_to_slice)
    return record_change(owner, Kind.COLLECT, changed_ids, now=now, collection=collection.pk)


def remove_from_collection(
    *, owner: User, film_ids: Collection[int], collection: models.Collection, now: datetime
) -> ChangeResult:
    """Take films out of a collection of the same person. The films stay."""
    links = models.Collection.generations.through.objects.filter(collection=collection)

    def remove_from_slice(rows: QuerySet[Generation], version: int) -> list[int]:
        found = links.filter(generation_id__in=rows.values("pk"))
        ids = list(found.values_list("generation", flat=True))
        links.filter(generation_id__in=ids).delete()
        Generation.objects.filter(pk__in=ids).update(changed_version=version)
        return ids

    changed_ids = change_in_slices(owner, film_ids, remove_from_slice)
    return record_change(owner, Kind.UNCOLLECT, changed_ids, now=now, collection=collection.pk)


# --- Projects -------------------------------------------------------------------------------------


def move_to_project(
    *, owner: User, film_ids: Collection[int], project: Project | None, now: datetime
) -> ChangeResult:
    """Move films to a project, or out of any. What they cost is counted there from now on.

    Raises ProjectNotUsable for one that is archived, or that this person may not choose.
    """
    if project is not None:
        usable = Project.objects.usable_by(owner).filter(pk=project.pk, archived_at=None)
        if not usable.exists():
            raise ProjectNotUsable
    ids_by_project: dict[str, list[int]] = defaultdict(list)

    def move_slice(rows: QuerySet[Generation], version: int) -> list[int]:
        ids = []
        for film_id, project_id in rows.values_list("pk", "project_id"):
            if project_id != (project and project.pk):
                ids.append(film_id)
                ids_by_project[str(project_id or "")].append(film_id)
        Generation.objects.filter(pk__in=ids).update(changed_version=version, project=project)
        return ids

    changed_ids = change_in_slices(owner, film_ids, move_slice)
    return record_change(owner, Kind.PROJECT, changed_ids, now=now, by_project=ids_by_project)


# --- Downloads ------------------------------------------------------------------------------------


def set_name_pattern(*, owner: User, pattern: str) -> None:
    """Set how the files that this person downloads are named. Raises InvalidPattern."""
    pattern = naming.clean_pattern(pattern)
    DownloadSettings.objects.update_or_create(owner=owner, defaults={"name_pattern": pattern})


# --- Names ----------------------------------------------------------------------------------------


def _get_length(model: type[Tag] | type[models.Collection]) -> int:
    return model._meta.get_field("name").max_length or 0


def _clean_name(name: str, limit: int) -> str:
    """The name on one line. Raises InvalidName."""
    name = _join_lines(name)
    if not name or len(name) > limit:
        raise InvalidName(limit=limit)
    return name


def _list_names(text: str) -> list[str]:
    """The names between commas, each on one line."""
    return [name for name in map(_join_lines, text.split(",")) if name]


def _join_lines(text: str) -> str:
    return " ".join(text.replace("\0", "").split())


def _split_tag_names(text: str) -> list[str]:
    """Names of tags, each once however it is written. Raises InvalidName."""
    names = _list_names(text) or [""]
    unique_names = {fold_text(name): name for name in reversed(names)}
    limit = _get_length(Tag)
    return [_clean_name(name, limit) for name in reversed(unique_names.values())]
