"""Reads for the pages that keep films in order."""

from collections.abc import Collection

from django.db.models import Count, F, Sum, Window
from django.db.models.functions import RowNumber
from django.http import Http404

from evolink_studio.accounts.models import User
from evolink_studio.core.keyset import KeyPage, KeysetOrder, Position
from evolink_studio.core.search import fold_text
from evolink_studio.films import models
from evolink_studio.films.models import DownloadSettings, FilmChange, Tag
from evolink_studio.films.naming import DEFAULT_PATTERN
from evolink_studio.films.services import (
    MAX_COLLECTIONS_PER_PERSON,
    MAX_FILMS_PER_CHANGE,
    slice_ids,
)
from evolink_studio.films.trash import IN_TRASH
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.queries import HIDDEN_COLUMNS, load_results
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset

SUGGESTED_NAMES = 200
POSTERS_PER_COLLECTION = 4
TRASH_PAGE_SIZE = 48
TRASH_ORDER = KeysetOrder(Generation, ("-trashed_at", "-pk"))


def list_owned_ids(user: User, film_ids: Collection[int]) -> list[int]:
    """Those of these ids that are films of this person. One query for each 500."""
    ids: list[int] = []
    for some_ids in slice_ids(film_ids):
        rows = Generation.objects.filter(owner_id=user.pk, pk__in=some_ids)
        ids += rows.values_list("pk", flat=True)
    return ids


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


def list_collections(user: User) -> list[models.Collection]:
    """A person's collections by name. One query."""
    rows = models.Collection.objects.filter(owner=user)
    return list(rows.order_by("folded_name")[:MAX_COLLECTIONS_PER_PERSON])


def count_collected(user: User) -> dict[int, int]:
    """How many films, without those in the trash, each collection of a person holds. One query."""
    links = models.Collection.generations.through.objects.filter(
        collection__owner=user, generation__trashed_at__isnull=True
    )
    counts = links.values("collection_id").annotate(count=Count("pk"))
    return {row["collection_id"]: row["count"] for row in counts}


def list_collected_assets(user: User) -> dict[int, list[Asset]]:
    """The newest POSTERS_PER_COLLECTION films of each collection of a person. Two queries."""
    rank = Window(RowNumber(), partition_by=F("collection_id"), order_by=F("generation_id").desc())
    links = models.Collection.generations.through.objects.filter(
        collection__owner=user, generation__trashed_at__isnull=True
    )
    newest = links.annotate(rank=rank).filter(rank__lte=POSTERS_PER_COLLECTION)  # type: ignore[misc]  # annotated above
    pairs = list(newest.values_list("collection_id", "generation_id"))
    videos = GeneratedVideo.objects.filter(generation__in={film_id for _, film_id in pairs})
    first_videos = videos.filter(position=0).select_related("asset")
    assets = {video.generation_id: video.asset for video in first_videos}
    collected: dict[int, list[Asset]] = {}
    for collection_id, film_id in sorted(pairs, reverse=True):
        if film_id in assets:
            collected.setdefault(collection_id, []).append(assets[film_id])
    return collected


def load_trash_page(user: User, position: Position) -> tuple[list[Generation], KeyPage]:
    """A page of a person's trash, what came last first, with results. Three queries."""
    rows = Generation.objects.filter(IN_TRASH, owner_id=user.pk)
    page = TRASH_ORDER.read_page([rows], position, TRASH_PAGE_SIZE)
    films = Generation.objects.filter(pk__in=page.pks).defer(*HIDDEN_COLUMNS)
    return load_results(films.order_by("-trashed_at", "-pk")), page


def list_trashed_ids(user: User, film_ids: Collection[int] | None) -> list[int]:
    """Those of these films of a person that lie in the trash; None means all of them.

    At most MAX_FILMS_PER_CHANGE. One query for each 500, or one for all.
    """
    rows = Generation.objects.filter(IN_TRASH, owner_id=user.pk)
    if film_ids is None:
        newest = rows.order_by("-trashed_at", "-id").values_list("pk", flat=True)
        return list(newest[:MAX_FILMS_PER_CHANGE])
    ids: list[int] = []
    for some_ids in slice_ids(film_ids):
        ids += rows.filter(pk__in=some_ids).values_list("pk", flat=True)
    return ids[:MAX_FILMS_PER_CHANGE]


def sum_file_bytes(film_ids: Collection[int]) -> int:
    """The bytes of the saved results of these films. One query for each 500."""
    total = 0
    for some_ids in slice_ids(film_ids):
        videos = GeneratedVideo.objects.filter(generation__in=some_ids)
        total += videos.aggregate(total=Sum("asset__size_bytes"))["total"] or 0
    return total
