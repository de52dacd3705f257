"""What a film was made from, and what became of it. Reads only; each says how many queries."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q, QuerySet

from evolink_studio.catalog import CUT_MODEL_ID
from evolink_studio.core.json_field import get_member
from evolink_studio.films.models import Cut
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.queries import HIDDEN_COLUMNS, load_results
from evolink_studio.library.models import Asset

MAX_DERIVATIONS = 4  # a frame, cropped, cropped again …
MAX_RELATIVES = 12  # of a kind, on a page
MAX_DERIVED_FILES = 200


@dataclass(frozen=True)
class Source:
    """The film that a file comes from. `second`: of its frame; None for the film itself."""

    generation: Generation
    second: Decimal | None = None


@dataclass(frozen=True)
class Lineage:
    """The relatives of a generation, at most MAX_RELATIVES of each kind.

    `sources` by the pk of an input. `based_on` is what it was made again from; `takes` were made by
    the same press, `followers` with its settings, `descendants` from a frame of it or itself.
    """

    sources: dict[int, Source]
    based_on: Generation | None
    takes: Sequence[Generation]
    followers: Sequence[Generation]
    descendants: Sequence[Generation]


def load_lineage(generation: Generation, inputs: Collection[Asset]) -> Lineage:
    """At most six queries, and one more for each time that a file was made from another."""
    rows = Generation.objects.filter(owner_id=generation.owner_id).defer(*HIDDEN_COLUMNS)
    based_on = list(rows.filter(pk=generation.based_on_id)) if generation.based_on_id else []
    followers = list(rows.filter(based_on_id=generation.pk).order_by("-pk")[:MAX_RELATIVES])
    takes = _list_takes(rows, generation)
    descendants = _list_descendants(rows, generation)
    sources = find_sources(inputs)
    relatives = {
        row.pk: row
        for row in (
            *based_on,
            *followers,
            *takes,
            *descendants,
            *(it.generation for it in sources.values()),
        )
    }
    loaded = {row.pk: row for row in load_results(relatives.values())}
    return Lineage(
        sources={pk: Source(loaded[it.generation.pk], it.second) for pk, it in sources.items()},
        based_on=loaded[based_on[0].pk] if based_on else None,
        takes=_pick(loaded, takes),
        followers=_pick(loaded, followers),
        descendants=_pick(loaded, descendants),
    )


def find_sources(assets: Iterable[Asset]) -> dict[int, Source]:
    """The film that each of these files is a frame of, or is; by the file's pk.

    One query, and one more for each time that a file was made from another.
    """
    files = list(assets)
    if not files:
        return {}
    origins: dict[int, Asset] = {asset.pk: asset for asset in files}
    seconds = {asset.pk: asset.derived_at_second for asset in files}
    for _ in range(MAX_DERIVATIONS):
        parent_ids = {it.derived_from_id for it in origins.values() if it.derived_from_id}
        if not parent_ids:
            break
        parents = Asset.objects.in_bulk(parent_ids)
        for pk, asset in origins.items():
            parent = parents.get(asset.derived_from_id) if asset.derived_from_id else None
            if parent is None:
                continue
            origins[pk] = parent
            seconds[pk] = parent.derived_at_second or seconds[pk]
    film_ids = {origin.pk for origin in origins.values() if origin.origin == Asset.Origin.RESULT}
    if not film_ids:
        return {}
    results = GeneratedVideo.objects.filter(asset_id__in=film_ids).select_related("generation")
    generations = {result.asset_id: result.generation for result in results}
    return {
        pk: Source(generations[origin.pk], seconds[pk])
        for pk, origin in origins.items()
        if origin.pk in generations
    }


def find_cut(generation: Generation) -> Cut | None:
    """The cut that a film is; None for any other.

    One query for a film that was cut here, which its model id says; none for any other.
    """
    if generation.model_id != CUT_MODEL_ID:
        return None
    return Cut.objects.filter(generation_id=generation.pk, owner_id=generation.owner_id).first()


def load_cut_results(cut: Cut | None) -> tuple[object, dict[int, GeneratedVideo]]:
    """The parts that a cut was made of, as stored, and the films that they name by their file's pk.

    (None, {}) for a film that is no cut. At most two queries.
    """
    if cut is None:
        return None, {}
    parts = cut.parts if isinstance(cut.parts, list) else []
    asset_ids = {pk for part in parts if isinstance(pk := get_member(part, "asset"), int)}
    results = GeneratedVideo.objects.filter(
        asset_id__in=asset_ids, generation__owner_id=cut.owner_id
    )
    found = list(results.select_related("generation"))
    load_results(result.generation for result in found)
    return parts, {result.asset_id: result for result in found}


def _list_takes(rows: QuerySet[Generation], generation: Generation) -> list[Generation]:
    """The others of the same press. One query; none without a batch."""
    if generation.batch_id is None:
        return []
    takes = rows.filter(batch_id=generation.batch_id).exclude(pk=generation.pk)
    return list(takes.order_by("pk")[:MAX_RELATIVES])


def _list_descendants(rows: QuerySet[Generation], generation: Generation) -> list[Generation]:
    """What was made from its films, or from files that were made from these. Two queries or more.

    The files are looked for first: a condition over all of it would read every generation.
    """
    film_ids = list(
        GeneratedVideo.objects.filter(generation_id=generation.pk)
        .order_by("position")
        .values_list("asset_id", flat=True)[:MAX_DERIVED_FILES]
    )
    if not film_ids:
        return []
    found_ids, newest_ids = set(film_ids), set(film_ids)
    for _ in range(MAX_DERIVATIONS):
        derived = Asset.objects.filter(derived_from_id__in=newest_ids).order_by("-pk")
        newest_ids = set(derived.values_list("pk", flat=True)[:MAX_DERIVED_FILES]) - found_ids
        if not newest_ids:
            break
        found_ids |= newest_ids
    used_by = Generation.inputs.through.objects.filter(asset_id__in=found_ids)
    user_ids = set(
        used_by.order_by("-generation_id").values_list("generation_id", flat=True)[
            : MAX_RELATIVES * 4
        ]
    )
    wanted = Q(pk__in=user_ids - {generation.pk})
    return list(rows.filter(wanted).order_by("-pk")[:MAX_RELATIVES]) if user_ids else []


def _pick(loaded: dict[int, Generation], rows: Sequence[Generation]) -> list[Generation]:
    return [loaded[row.pk] for row in rows]
