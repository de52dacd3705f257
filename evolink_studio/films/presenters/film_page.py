"""One film as its page shows it: what it was made from, what it cost, how long each step took."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evolink_studio.catalog import SPECS, get_label
from evolink_studio.core.formatting import format_approx_duration, format_clock, format_credits
from evolink_studio.core.json_field import get_member
from evolink_studio.films.lineage import Lineage, Source
from evolink_studio.films.presenters.film_settings import InputFile, build_title
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.presenters.cards import ResultVideo, present_video
from evolink_studio.generations.presenters.main_settings import describe_format
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset
from evolink_studio.library.poster_urls import PosterUrls, build_poster_urls

SIZER_HEIGHT = 2000  # of an empty picture that has the film's shape; larger than any screen
STILL_SHOWN_SECONDS = Decimal("0.1")  # so near to its end a frame is called the last
SPEEDS = ("0.25", "0.5", "0.75", "1", "1.25", "1.5", "2")
# What player.js does with each key, which is named as it is on the keyboard of the language.
PLAYER_KEYS: tuple[tuple[tuple[str | Promise, ...], str | Promise], ...] = (
    ((gettext_lazy("Space"), "K"), gettext_lazy("Play or pause")),
    (("L",), gettext_lazy("Forwards; again: faster")),
    (("J",), gettext_lazy("Backwards; again: faster")),
    ((",", "."), gettext_lazy("One frame back or on")),
    (("←", "→"), gettext_lazy("One second back or on")),
    ((gettext_lazy("Home"), gettext_lazy("End")), gettext_lazy("To the first or the last frame")),
    (("M", "F"), gettext_lazy("Sound off or on; full screen")),
    (("C",), gettext_lazy("Use this frame")),
    (("S",), gettext_lazy("Star")),
    (("P",), gettext_lazy("Copy the prompt")),
    (("B", "["), gettext_lazy("The newer film")),
    (("N", "]"), gettext_lazy("The older film")),
    (("?",), gettext_lazy("These keys")),
)


@dataclass(frozen=True)
class Screen:
    """A result in the player. `sizer_width` and `sizer_height` have its shape, in any unit.

    `id` is that of the element, `position` the number of the result, from 0.
    """

    video: ResultVideo
    position: int
    sizer_width: int
    sizer_height: int

    @property
    def number(self) -> int:
        """As people count."""
        return self.position + 1


@dataclass(frozen=True)
class TimeStep:
    """A moment of its making, and how long it took until then; "" for the first."""

    label: str
    moment: datetime
    duration: str


@dataclass(frozen=True)
class Relative:
    """A film that this one comes from or led to. `relation` says how, `id` is its number."""

    id: int
    url: str
    title: str
    relation: str
    format_text: str
    posters: PosterUrls
    state_text: str
    icon: str


@dataclass(frozen=True)
class PresentedInput:
    """A file that a film was made from. `url` is "" when it was deleted; `source` its film."""

    label: str
    name: str
    url: str
    kind: str
    posters: PosterUrls
    source: Relative | None


def get_sizer_size(asset: Asset) -> tuple[int, int]:
    """Width and height of the shape of a film, far larger than any screen; 16:9 if not known."""
    width, height = asset.width or 16, asset.height or 9
    return max(1, round(SIZER_HEIGHT * width / height)), SIZER_HEIGHT


def present_screen(result: GeneratedVideo) -> Screen:
    """A result for the player. No query, if its asset is loaded."""
    sizer_width, sizer_height = get_sizer_size(result.asset)
    return Screen(
        video=present_video(result.asset),
        position=result.position,
        sizer_width=sizer_width,
        sizer_height=sizer_height,
    )


def present_inputs(
    inputs: Sequence[InputFile], sources: Mapping[int, Source]
) -> list[PresentedInput]:
    """`sources`: the films that inputs were taken from, by the pk of the input. No query."""
    presented = []
    for item in inputs:
        asset = item.asset
        if asset is None:
            text = _("This file was deleted.")
            presented.append(PresentedInput(item.label, text, "", "", PosterUrls(), None))
            continue
        presented.append(
            PresentedInput(
                label=item.label,
                name=asset.name,
                url=reverse("asset", args=[asset.pk]),
                kind=asset.kind,
                posters=build_poster_urls(asset),
                source=_present_source(sources.get(asset.pk)),
            )
        )
    return presented


def _present_source(source: Source | None) -> Relative | None:
    return present_relative(source.generation, _source_text(source)) if source else None


def _source_text(source: Source) -> str:
    if source.second is None:
        return _("the film itself")
    results = _list_results(source.generation)
    seconds = results[0].asset.seconds if results else None
    if seconds is not None and source.second >= seconds - STILL_SHOWN_SECONDS:
        return _("the end of")
    return _("from {time} of").format(time=format_clock(timedelta(seconds=float(source.second))))


def present_relative(generation: Generation, relation: str) -> Relative:
    """No query, if its results are loaded."""
    results = _list_results(generation)
    return Relative(
        id=generation.pk,
        url=reverse("film", args=[generation.pk]),
        title=build_title(generation),
        relation=relation,
        format_text=describe_format(generation),
        posters=build_poster_urls(results[0].asset) if results else PosterUrls(),
        state_text=""
        if generation.state == State.COMPLETED
        else str(State(generation.state).label),
        icon=generation.state,
    )


def present_family(lineage: Lineage) -> list[tuple[str, list[Relative]]]:
    """The relatives in groups with a heading, without the films of the inputs. No query."""
    based_on = [lineage.based_on] if lineage.based_on else []
    groups = (
        (_("Made again from"), based_on),
        (_("Other takes of the same press"), lineage.takes),
        (_("Became"), lineage.descendants),
        (_("Made again with these settings"), lineage.followers),
    )
    return [(name, [present_relative(row, "") for row in rows]) for name, rows in groups if rows]


def present_credits(generation: Generation) -> list[tuple[str, str]]:
    """(label, amount) of what was expected, held and taken."""
    amounts = (
        (_("Estimated"), generation.credits_estimated),
        (_("Reserved"), generation.credits_reserved),
        (_("Charged"), generation.credits_charged),
    )
    lines = [(label, format_credits(amount)) for label, amount in amounts if amount is not None]
    if generation.credits_charged and generation.seconds:
        per_second = generation.credits_charged / generation.seconds
        lines.append((_("Per second"), format_credits(round(per_second, 2))))
    return lines


def present_times(generation: Generation, saved_at: datetime | None) -> list[TimeStep]:
    """The steps that were reached, each with the time since the one before it."""
    moments = (
        (_("Pressed"), generation.created_at),
        (_("Sent"), generation.sent_at),
        (_("Accepted"), generation.accepted_at),
        (_("Saved here"), saved_at),
        (_("Finished"), generation.finished_at),
    )
    steps: list[TimeStep] = []
    reached = sorted(((moment, label) for label, moment in moments if moment), key=lambda it: it[0])
    for moment, label in reached:
        passed = (moment - steps[-1].moment).total_seconds() if steps else 0
        steps.append(TimeStep(label, moment, _format_passed(passed) if steps else ""))
    return steps


def _format_passed(seconds: float) -> str:
    return _("+ {time}").format(time=format_approx_duration(round(seconds)))


def present_cut_parts(
    parts: object, results: Mapping[int, GeneratedVideo]
) -> list[tuple[str, Relative | None]]:
    """(time range, film) of each part of a cut; `results` by the pk of their file. No query."""
    rows = parts if isinstance(parts, list) else []
    presented: list[tuple[str, Relative | None]] = []
    for row in rows:
        asset_id = get_member(row, "asset")
        result = results.get(asset_id) if isinstance(asset_id, int) else None
        text = f"{_format_second(get_member(row, 'from'))}–{_format_second(get_member(row, 'to'))}"
        presented.append((text, present_relative(result.generation, "") if result else None))
    return presented


def _format_second(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e6:
        return format_clock(timedelta(seconds=value))
    return ""


def build_model_url(generation: Generation) -> str:
    """The form of its model; "" for a model that left the catalogue."""
    is_known = generation.model_id in SPECS
    return reverse("create", args=[generation.model_id]) if is_known else ""


def build_model_label(generation: Generation) -> str:
    """The name of its model in the person's language."""
    return _(get_label(generation.model_id))


def _list_results(generation: Generation) -> list[GeneratedVideo]:
    """Those that `load_results` loaded; none for a state that has none."""
    cached = getattr(generation, "_prefetched_objects_cache", {})
    return list(generation.results.all()) if "results" in cached else []
