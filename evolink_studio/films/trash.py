"""The trash: films lie there for 30 days, then their files are deleted.

The row of a film, what it cost and its place in every report stay for ever. A film that is still
being made cannot be put there: it may yet need a look, and its money is not settled.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from evolink_studio.accounts.models import User
from evolink_studio.core.json_field import get_member
from evolink_studio.films.models import Cut, FilmChange
from evolink_studio.films.services import ChangeResult, change_in_slices, record_change, slice_ids
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.states import ENDED_STATES
from evolink_studio.generations.transitions import increment_feed_version
from evolink_studio.library.models import Asset
from evolink_studio.library.services import delete_asset_rows, delete_files_of_deleted_rows
from evolink_studio.prompts.models import CastMember

TRASH_LIFETIME = timedelta(days=30)
_FILMS_AT_ONCE = 200

# Films that lie in the trash. The conditions are those of the indexes, word for word.
IN_TRASH = Q(trashed_at__isnull=False, emptied_at__isnull=True)


@dataclass(frozen=True)
class Emptying:
    """How many films lost their files, and how many stay because something needs these."""

    count: int = 0
    kept_count: int = 0

    def __add__(self, other: "Emptying") -> "Emptying":
        return Emptying(self.count + other.count, self.kept_count + other.kept_count)


def move_to_trash(*, owner: User, film_ids: Collection[int], now: datetime) -> ChangeResult:
    """Put films into the trash, and say how many are still being made and so stay.

    Raises TooManyFilms.
    """
    unfinished_count = 0

    def trash_slice(rows: QuerySet[Generation], version: int) -> list[int]:
        nonlocal unfinished_count
        unfinished_count += rows.exclude(state__in=ENDED_STATES).count()
        ended_rows = rows.filter(state__in=ENDED_STATES, trashed_at__isnull=True)
        ids = list(ended_rows.values_list("pk", flat=True))
        Generation.objects.filter(pk__in=ids, state__in=ENDED_STATES).update(
            changed_version=version, trashed_at=now
        )
        return ids

    changed_ids = change_in_slices(owner, film_ids, trash_slice)
    result = record_change(owner, FilmChange.Kind.TRASH, changed_ids, now=now)
    return ChangeResult(result.count, result.change, unfinished_count)


def restore(*, owner: User, film_ids: Collection[int], now: datetime) -> ChangeResult:
    """Take films out of the trash, those that still have their files. Raises TooManyFilms."""

    def restore_slice(rows: QuerySet[Generation], version: int) -> list[int]:
        ids = list(rows.filter(IN_TRASH).values_list("pk", flat=True))
        Generation.objects.filter(pk__in=ids, emptied_at__isnull=True).update(
            changed_version=version, trashed_at=None
        )
        return ids

    changed_ids = change_in_slices(owner, film_ids, restore_slice)
    return record_change(owner, FilmChange.Kind.RESTORE, changed_ids, now=now)


def delete_for_good(*, owner: User, film_ids: Collection[int], now: datetime) -> Emptying:
    """Delete the files of films that lie in the trash. This cannot be undone.

    A film stays there while another film, the cast or a cut needs one of its files.
    """
    emptying = Emptying()
    for some_ids in slice_ids(film_ids):
        emptying += _empty_films(owner.pk, some_ids, now)
    delete_files_of_deleted_rows()
    return emptying


def empty_trash(*, now: datetime, is_stopping: Callable[[], bool] = lambda: False) -> Emptying:
    """Delete the files of all films that have lain in the trash for TRASH_LIFETIME.

    In slices; a run that is ended early is gone on with by the next one.
    """
    emptying = Emptying()
    rows = Generation.objects.filter(IN_TRASH, trashed_at__lt=now - TRASH_LIFETIME)
    position: tuple[datetime, int] | None = None
    while not is_stopping():
        later_rows = rows
        if position is not None:
            moment, pk = position
            later_rows = rows.filter(trashed_at__gte=moment).exclude(trashed_at=moment, pk__lte=pk)
        found = list(
            later_rows.order_by("trashed_at", "pk").values_list("trashed_at", "pk", "owner_id")[
                :_FILMS_AT_ONCE
            ]
        )
        if not found:
            break
        ids_by_owner: dict[int, list[int]] = defaultdict(list)
        for _moment, film_id, owner_id in found:
            ids_by_owner[owner_id].append(film_id)
        for owner_id, film_ids in sorted(ids_by_owner.items()):
            emptying += _empty_films(owner_id, film_ids, now)
        last_moment, last_id, _owner_id = found[-1]
        assert last_moment is not None  # the filter says so
        position = (last_moment, last_id)
        delete_files_of_deleted_rows()
    return emptying


@transaction.atomic
def _empty_films(owner_id: int, film_ids: Sequence[int], now: datetime) -> Emptying:
    version = increment_feed_version(owner_id, affects_credits=False)
    rows = Generation.objects.select_for_update().filter(
        IN_TRASH, owner_id=owner_id, pk__in=film_ids, state__in=ENDED_STATES
    )
    found_ids = list(rows.order_by("pk").values_list("pk", flat=True))
    # Who uses one of these files locks it, too: is seen here, or finds it gone.
    assets = Asset.objects.select_for_update().filter(result__generation__in=found_ids)
    assets_by_id = {asset.pk: asset for asset in assets.order_by("pk")}
    needed_ids = find_needed_assets(owner_id, assets_by_id, found_ids)
    results = GeneratedVideo.objects.filter(generation__in=found_ids)
    kept_ids = set(results.filter(asset__in=needed_ids).values_list("generation", flat=True))
    emptied_ids = [film_id for film_id in found_ids if film_id not in kept_ids]
    deleted_results = results.filter(generation__in=emptied_ids)
    deleted_assets = [
        assets_by_id[asset_id] for asset_id in deleted_results.values_list("asset", flat=True)
    ]
    deleted_results.delete()
    delete_asset_rows(deleted_assets)
    Generation.objects.filter(pk__in=emptied_ids).update(
        emptied_at=now, changed_version=version, result_urls=[], local_copy_seen_at=None
    )
    return Emptying(len(emptied_ids), len(kept_ids))


def find_needed_assets(
    owner_id: int, asset_ids: Collection[int], film_ids: Collection[int] = ()
) -> set[int]:
    """Those of these files that must stay: for a film beside `film_ids`, the cast, or a cut."""
    inputs = Generation.inputs.through.objects.filter(
        asset__in=asset_ids, generation__emptied_at__isnull=True
    )
    needed_ids = set(inputs.exclude(generation__in=film_ids).values_list("asset", flat=True))
    needed_ids |= set(
        CastMember.objects.filter(asset__in=asset_ids).values_list("asset", flat=True)
    )
    cuts = Cut.objects.filter(owner_id=owner_id).exclude(generation__emptied_at__isnull=False)
    for parts in cuts.exclude(generation__in=film_ids).values_list("parts", flat=True):
        needed_ids.update(_list_cut_assets(parts))
    return needed_ids & set(asset_ids)


def _list_cut_assets(parts: object) -> Iterable[int]:
    if not isinstance(parts, list):
        return
    for part in parts:
        asset_id = get_member(part, "asset")
        if isinstance(asset_id, int):
            yield asset_id
