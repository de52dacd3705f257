"""One generation as a person sees it: every word and number of a card, ready for the template."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from django.urls import reverse
from django.utils.translation import gettext as _

from evolink_studio.catalog import SPECS
from evolink_studio.catalog.fields import Control
from evolink_studio.catalog.spec import Spec
from evolink_studio.core.formatting import about_text, clock_text
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.queue import Place
from evolink_studio.generations.presenters.failure_text import failure, field_named
from evolink_studio.generations.presenters.status_text import bill, figures, kept_where, words
from evolink_studio.generations.presenters.timers import Span, left, quiet
from evolink_studio.generations.services import LEAVABLE
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset

NOWHERE: Mapping[int, Place] = MappingProxyType({})
CHIPS = ("aspect_ratio", "duration", "quality", "sound", "mode")


@dataclass(frozen=True)
class Film:
    """A kept result: addresses, and its measured size (pixels, seconds)."""

    url: str
    poster: str
    download: str
    frame: str
    mime: str
    width: int | None
    height: int | None
    seconds: str


@dataclass(frozen=True)
class Bar:
    """The part of a card that moves while EvoLink works.

    `steady`: as long as it is, nothing else on the card changes. `left` and `quiet` go on by
    themselves.
    """

    id: int
    steady: bool
    stalled: bool
    progress: int
    progress_text: str
    left: Span | None
    quiet: Span | None


@dataclass(frozen=True)
class Card(Bar):
    """What the card of one generation says.

    `ticking`: its clock runs and the page follows it.
    """

    state: str
    state_text: str
    icon: str
    over: bool
    ticking: bool
    put_away: bool
    model: str
    model_id: str
    chips: tuple[str, ...]
    prompt: str
    started: datetime
    expected: int
    elapsed_text: str
    message: str
    advice: str
    badge: str
    money: str
    credits: str
    films: tuple[Film, ...]
    details: tuple[tuple[str, str], ...]
    can_cancel: bool
    can_leave: bool
    again_url: str
    again_text: str
    show_url: str


def bar(generation: Generation, *, now: datetime) -> Bar:
    """Prepare what moves on a card."""
    running = generation.state == State.RUNNING
    stalled = generation.stalled is not None
    watched = not generation.left_alone
    return Bar(
        id=generation.pk,
        steady=running and watched and not stalled and not generation.error_code,
        stalled=stalled,
        progress=generation.progress,
        progress_text=_progress(generation),
        left=left(generation, now) if watched else None,
        quiet=quiet(generation, now) if watched else None,
    )


def card(generation: Generation, *, now: datetime, ahead: Mapping[int, Place] = NOWHERE) -> Card:
    """Prepare a card. Needs `results` with their files prefetched: no query is made here.

    `ahead` says where waiting generations stand, by their number.
    """
    state = State(generation.state)
    spec = SPECS.get(generation.model_id)
    said = words(generation, now, ahead.get(generation.pk))
    watched = not generation.left_alone
    form = reverse("create", args=[generation.model_id])
    return Card(
        **vars(bar(generation, now=now)),
        state=state.value,
        state_text=str(said.label),
        icon="stalled" if generation.stalled else state.value,
        over=generation.ended,
        ticking=generation.live and watched,
        put_away=not watched,
        model=spec.label if spec else generation.model_id,
        model_id=generation.model_id,
        chips=_chips(generation),
        prompt=_prompt(generation),
        started=generation.created,
        expected=generation.expected_seconds,
        elapsed_text=clock_text(generation.elapsed(now)),
        message=str(said.message),
        advice=str(said.advice),
        badge=kept_where(generation, now),
        money=bill(generation),
        credits=figures(generation),
        films=_films(generation),
        details=_details(generation),
        can_cancel=state == State.QUEUED,
        can_leave=state in LEAVABLE and watched,
        again_url=f"{form}?from={generation.pk}{_field(generation, spec)}",
        again_text=_again(generation),
        show_url=f"{form}?show={generation.pk}",
    )


def _progress(generation: Generation) -> str:
    if generation.state != State.RUNNING:
        return ""
    if not generation.expected_seconds:
        return f"{generation.progress} %"
    usually = about_text(generation.expected_seconds)
    return _("{percent} % · usually {time}").format(percent=generation.progress, time=usually)


def _chips(generation: Generation) -> tuple[str, ...]:
    spec = SPECS.get(generation.model_id)
    known = {field.name: field for field in spec.fields} if spec else {}
    chips = []
    for name in CHIPS:
        value = generation.params.get(name)
        if value in (None, "", False) or name not in known:
            continue
        field = known[name]
        label = next((_(o.label) for o in field.options if o.value == value), f"{value}")
        named = field.control == Control.CHOICE and name in ("sound", "mode")
        unit = field.unit if not field.options else ""
        chips.append(f"{_(field.label)}: {label}" if named else f"{label} {unit}".strip())
    return tuple(chips)


def _prompt(generation: Generation) -> str:
    if generation.prompt:
        return generation.prompt
    shots = generation.params.get("shots")
    rows = shots if isinstance(shots, list) else []
    return " / ".join(str(row.get("prompt", "")) for row in rows)


def _films(generation: Generation) -> tuple[Film, ...]:
    if generation.state != State.COMPLETED:
        return ()
    return tuple(_film(result.asset) for result in generation.results.all())


def _film(asset: Asset) -> Film:
    return Film(
        url=reverse("asset", args=[asset.pk]),
        poster=reverse("asset_poster", args=[asset.pk]),
        download=reverse("asset_download", args=[asset.pk]),
        frame=reverse("frame", args=[asset.pk]),
        mime=asset.mime,
        width=asset.width,
        height=asset.height,
        seconds=f"{asset.seconds:.1f}" if asset.seconds is not None else "",
    )


def _details(generation: Generation) -> tuple[tuple[str, str], ...]:
    """What support needs to find it, here and at EvoLink. No key and no address is among it."""
    facts = (
        (_("Number here"), str(generation.pk)),
        (_("Task at EvoLink"), generation.task_id or ""),
        (_("Model used"), generation.model_used),
        (_("Pressed"), _moment(generation.created)),
        (_("Sent"), _moment(generation.sent)),
        (_("Accepted"), _moment(generation.accepted)),
        (_("Ended"), _moment(generation.finished)),
        (_("Code"), generation.error_code),
        (_("EvoLink's own words"), generation.error_text),
    )
    return tuple((name, text) for name, text in facts if text)


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else ""


def _field(generation: Generation, spec: Spec | None) -> str:
    """The form opens at the field that EvoLink named."""
    if generation.state != State.FAILED or spec is None:
        return ""
    name = field_named(generation.error_field, {field.name for field in spec.fields})
    return f"#field-{name}" if name else ""


def _again(generation: Generation) -> str:
    if generation.state != State.FAILED:
        return _("Use these settings")
    meaning = failure(generation.error_code)
    if meaning.label:
        return _("Make it again")
    return _("Try again") if meaning.again else _("Change and try again")
