"""Reads for the pages that keep films in order."""

from collections.abc import Collection

from django.http import Http404

from evolink_studio.accounts.models import User
from evolink_studio.core.keyset import KeysetOrder
from evolink_studio.core.search import fold_text
from evolink_studio.films import models
from evolink_studio.films.models import DownloadSettings, FilmChange, Tag
from evolink_studio.films.naming import DEFAULT_PATTERN
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.queries import HIDDEN_COLUMNS
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset
from evolink_studio.projects.models import Project

SUGGESTED_NAMES = 200
POSTERS_PER_COLLECTION = 4
TRASH_PAGE_SIZE = 48
TRASH_ORDER = KeysetOrder(Generation, ("-trashed_at", "-pk"))


def list_owned_ids(user: User, film_ids: Collection[int]) -> list[int]:
    """Those of these ids that are films of this person. One query for each 500."""
    ids, owned_ids = sorted(set(film_ids)), list[int]()
    for start in range(0, len(ids), 500):
        rows = Generation.objects.filter(owner_id=user.pk, pk__in=ids[start : start + 500])
        owned_ids += rows.values_list("pk", flat=True)
    return owned_ids


def get_film_or_404(user: User, pk: int) -> Generation:
    """A film of this person; else raises Http404. One query."""
    rows = Generation.objects.filter(owner_id=user.pk).select_related("project")
    film = rows.defer(*HIDDEN_COLUMNS).filter(pk=pk).first()
    if film is None:
        raise Http404
    return film


def get_collection_or_404(user: User, pk: int) -> models.Collection:
    """A collection of this person; else raises Http404. One query."""
    collection = models.Collection.objects.filter(owner=user, pk=pk).first()
    if collection is None:
        raise Http404
    return collection


def find_collection(user: User, *, pk: int | None, name: str = "") -> models.Collection | None:
    """A collection of this person by its number, else by its name; or None. One query."""
    wanted = {"pk": pk} if pk is not None else {"folded_name": fold_text(" ".join(name.split()))}
    return models.Collection.objects.filter(owner=user, **wanted).first()


def find_change(user: User, pk: int) -> FilmChange | None:
    """What this person did with films and can still take back, or None. One query."""
    return FilmChange.objects.filter(owner=user, pk=pk).select_related("owner").first()


def list_tag_names(user: User) -> list[str]:
    """The tags of a person, for completion. One query."""
    names = Tag.objects.filter(owner=user).order_by("folded_name").values_list("name", flat=True)
    return list(names[:SUGGESTED_NAMES])


def list_collection_names(user: User) -> list[str]:
    """The names of a person's collections, for completion. One query."""
    rows = models.Collection.objects.filter(owner=user).order_by("folded_name")
    return list(rows.values_list("name", flat=True)[:SUGGESTED_NAMES])


def list_usable_projects(user: User) -> list[Project]:
    """The projects that films can be moved to. One query."""
    rows = Project.objects.usable_by(user).filter(archived_at=None)
    return list(rows.order_by("folded_name", "pk")[:SUGGESTED_NAMES])


def get_name_pattern(user: User) -> str:
    """How the files that this person downloads are named. One query."""
    rows = DownloadSettings.objects.filter(owner=user)
    return rows.values_list("name_pattern", flat=True).first() or DEFAULT_PATTERN


def find_video(asset: Asset) -> GeneratedVideo | None:
    """The result whose file this is, with its generation and project; None for others. One query.

    Files that a person added are not looked for.
    """
    if asset.origin != Asset.Origin.RESULT:
        return None
    videos = GeneratedVideo.objects.select_related("generation__project", "asset")
    return videos.filter(asset=asset).first()


def find_newest_video(user: User) -> GeneratedVideo | None:
    """A film of this person, to show how it would be named; None without any. Two queries."""
    rows = Generation.objects.filter(owner_id=user.pk, state=State.COMPLETED)
    newest_id = rows.order_by("-created_at", "-id").values_list("pk", flat=True).first()
    videos = GeneratedVideo.objects.select_related("generation__project", "asset")
    return videos.filter(generation=newest_id).order_by("position").first()
