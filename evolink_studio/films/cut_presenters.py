"""Cuts, and the rows of their editor, as pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evolink_studio.core.formatting import format_clock_tenths
from evolink_studio.core.json_field import get_member
from evolink_studio.films.cut_forms import DraftPart, PartForm
from evolink_studio.films.cuts import CutFailure, list_part_assets, list_parts
from evolink_studio.films.models import Cut
from evolink_studio.generations.models import GeneratedVideo
from evolink_studio.generations.presenters.cards import build_prompt_text
from evolink_studio.library.poster_urls import build_poster_urls

RUNNING_POLL_SECONDS, WAITING_POLL_SECONDS = 2, 4


@dataclass(frozen=True)
class CutRow:
    """A cut in the list. `film_url` once there is a film; `failure_text` if there will be none."""

    id: int
    title: str
    state: str
    state_text: str
    progress: int
    parts_text: str
    poster_url: str
    film_url: str
    failure_text: str
    is_pending: bool
    is_failed: bool


@dataclass(frozen=True)
class EditorRow:
    """A part in the editor; `number` counts from 0. `begin` and `end` are fields of `form`."""

    number: int
    film_id: int
    title: str
    url: str
    poster_url: str
    seconds: str
    form: PartForm


@dataclass(frozen=True)
class OfferedFilm:
    """A film that can be added."""

    id: int
    title: str
    poster_url: str
    seconds_text: str


def present_cut(cut: Cut, results: Mapping[int, GeneratedVideo]) -> CutRow:
    """`results`: the films of its parts, and its own, by the pk of their file. No query."""
    first_assets = list_part_assets(cut)[:1]
    shown = [results[pk] for pk in first_assets if pk in results]
    is_failed = cut.state == Cut.State.FAILED
    return CutRow(
        id=cut.pk,
        title=cut.title or _("Cut {n}").format(n=cut.pk),
        state=cut.state,
        state_text=cut.get_state_display(),
        progress=cut.progress,
        parts_text=_describe_parts(cut),
        poster_url=build_poster_urls(shown[0].asset).small if shown else "",
        film_url=reverse("film", args=[cut.generation_id]) if cut.generation_id else "",
        failure_text=str(_find_failure(cut.failure).label) if is_failed else "",
        is_pending=cut.next_attempt_at is not None,
        is_failed=is_failed,
    )


def _find_failure(code: str) -> CutFailure:
    return CutFailure(code) if code in CutFailure.values else CutFailure.BROKEN


def _describe_parts(cut: Cut) -> str:
    parts = list_parts(cut)
    count_text = ngettext("{n} part", "{n} parts", len(parts)).format(n=len(parts))
    seconds = sum(_measure_part(part) for part in parts)
    return f"{count_text} · {format_length(Decimal(str(seconds)))}"


def _measure_part(part: Mapping[str, object]) -> float:
    begin, end = part.get("from"), part.get("to")
    if isinstance(begin, int | float) and isinstance(end, int | float):
        return min(max(0.0, end - begin), 86_400.0)
    return 0.0


def format_length(seconds: Decimal) -> str:
    """0:14.5 as a player counts. cut.js writes alike."""
    return format_clock_tenths(int(seconds * 10 + Decimal("0.5")))


def find_poll_seconds(cuts: Sequence[Cut]) -> int:
    """When the list is worth another look; 0 for never."""
    if any(cut.state == Cut.State.RUNNING for cut in cuts):
        return RUNNING_POLL_SECONDS
    return WAITING_POLL_SECONDS if any(cut.next_attempt_at for cut in cuts) else 0


def present_editor_rows(draft: Sequence[DraftPart]) -> list[EditorRow]:
    """No query."""
    return [
        EditorRow(
            number=number,
            film_id=part.result.generation_id,
            title=find_title(part.result),
            url=reverse("asset", args=[part.result.asset_id]),
            poster_url=build_poster_urls(part.result.asset).small,
            seconds=f"{part.form.seconds:f}",
            form=part.form,
        )
        for number, part in enumerate(draft)
    ]


def name_lost_films(
    cut: Cut, asset_ids: Sequence[int], results: Mapping[int, GeneratedVideo]
) -> list[str]:
    """What these files of a cut are called: by their film, else as the cut noted it. Up to one
    query."""
    params = cut.generation.params if cut.generation else {}
    noted_parts = params.get("parts") if isinstance(params, Mapping) else None
    titles = {
        get_member(part, "asset"): str(get_member(part, "title") or "")
        for part in (noted_parts if isinstance(noted_parts, list) else [])
        if isinstance(get_member(part, "asset"), int)
    }
    return [
        find_title(results[pk]) if pk in results else titles.get(pk) or _("a film without a name")
        for pk in asset_ids
    ]


def find_title(result: GeneratedVideo) -> str:
    """What a film is called in the editor."""
    generation = result.generation
    return generation.title or build_prompt_text(generation) or f"#{generation.pk}"


def present_offered_films(results: Sequence[GeneratedVideo]) -> list[OfferedFilm]:
    """No query."""
    return [
        OfferedFilm(
            id=result.generation_id,
            title=find_title(result),
            poster_url=build_poster_urls(result.asset).small,
            seconds_text=format_length(result.asset.seconds or Decimal(0)),
        )
        for result in results
    ]
