"""One generation as a card: every text and number ready for the template."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import MappingProxyType

from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from evolink_studio.catalog import CUT_MODEL_ID, SPECS, get_label
from evolink_studio.catalog.fields import Control
from evolink_studio.catalog.spec import ModelSpec
from evolink_studio.core.formatting import format_approx_duration, format_clock
from evolink_studio.core.json_field import get_member
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.pipeline.queue import QueuePosition
from evolink_studio.generations.presenters.failure_text import build_failure_text, field_from_error
from evolink_studio.generations.presenters.main_settings import describe_format
from evolink_studio.generations.presenters.status_text import (
    StatusText,
    build_charge_text,
    build_cost_text,
    build_credit_history_text,
    build_short_status_text,
    build_status_text,
    build_storage_badge,
)
from evolink_studio.generations.presenters.timers import (
    Timer,
    build_time_left,
    build_time_without_progress,
)
from evolink_studio.generations.queries import SHOWN_RESULTS_LIMIT, STATES_WITH_RESULTS
from evolink_studio.generations.states import DISMISSIBLE_STATES, RUNNING_PROBLEMS, State
from evolink_studio.library.models import Asset
from evolink_studio.library.poster_urls import (
    PosterUrls,
    build_picture_srcset,
    build_poster_urls,
)

NO_POSITIONS: Mapping[int, QueuePosition] = MappingProxyType({})
CHIP_FIELDS = ("aspect_ratio", "duration", "quality", "sound", "mode")
MAX_CHIP_CHARACTERS = 40
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


@dataclass(frozen=True)
class ResultVideo:
    """A saved film, picture or sound: its URLs, its size in pixels, its length in seconds as text.

    `kind` is that of its asset. Each URL is built when it is asked for: a list shows few of them.
    """

    asset: Asset
    kind: str
    mime: str
    width: int | None
    height: int | None
    seconds: str

    @property
    def url(self) -> str:
        return reverse("asset", args=[self.asset.pk])

    @cached_property
    def posters(self) -> PosterUrls:
        return build_poster_urls(self.asset)

    @property
    def srcset(self) -> str:
        """The sizes of a large picture; "" for anything else."""
        is_picture = self.kind == Asset.Kind.IMAGE
        return build_picture_srcset(self.asset, self.posters, self.url) if is_picture else ""

    @property
    def download_url(self) -> str:
        return reverse("asset_download", args=[self.asset.pk])

    @property
    def frame_url(self) -> str:
        """Where a frame of it is made a picture; "" for all but a film."""
        is_film = self.kind == Asset.Kind.VIDEO
        return reverse("frame", args=[self.asset.pk]) if is_film else ""


@dataclass(frozen=True)
class ProgressBar:
    """The part of a card that changes while a task runs.

    `is_steady`: while it is, nothing else on the card changes. A script keeps `build_time_left` and
    `build_time_without_progress` going.
    """

    id: int
    is_steady: bool
    is_stalled: bool
    progress: int
    progress_text: str
    usual_text: str
    time_left: Timer | None
    time_without_progress: Timer | None


@dataclass(frozen=True)
class GalleryItem:
    """What a list of very many shows of a generation: of a card, only what is quick to prepare.

    `title` is the person's own, "" without one. `format_text` has ratio, length and quality.
    `videos_note` says what is missing beside the shown results.
    """

    id: int
    state: str
    state_text: str
    icon: str
    is_stalled: bool
    is_ended: bool
    is_dismissed: bool
    model_label: str
    format_text: str
    title: str
    prompt: str
    created_at: datetime
    progress_text: str
    message: str
    storage_badge: str
    charge_text: str
    videos: tuple[ResultVideo, ...]
    videos_note: str
    can_cancel: bool
    reuse_url: str
    reuse_text: str
    show_url: str


@dataclass(frozen=True)
class Card(ProgressBar, GalleryItem):
    """The texts, links and allowed actions of one generation's card.

    `is_ticking`: its elapsed time is running, and the page polls for it. `more_videos_url` leads to
    the results beyond the first. `short_message` and `cost_text` are for a row of the rail, whose
    place `order` says: numbers that a script compares one after another.
    """

    is_ticking: bool
    order: str
    batch_id: int | None
    short_message: str
    cost_text: str
    model_id: str
    chips: tuple[str, ...]
    expected_seconds: int
    elapsed_text: str
    advice: str
    credit_history_text: str
    more_videos_url: str
    details: tuple[tuple[str, str], ...]
    can_dismiss: bool


def present_progress(generation: Generation, *, now: datetime) -> ProgressBar:
    """Prepare the progress bar of a card. No query."""
    is_running = generation.state == State.RUNNING
    has_problem = _has_problem(generation)
    is_stalled = _is_stalled(generation)
    is_watched = not generation.is_dismissed
    has_timers = is_watched and not has_problem
    return ProgressBar(
        id=generation.pk,
        is_steady=is_running and is_watched and not is_stalled and not generation.error_code,
        is_stalled=is_stalled,
        progress=generation.progress,
        progress_text=_progress_text(generation),
        usual_text=_usual_text(generation),
        time_left=build_time_left(generation, now) if has_timers else None,
        time_without_progress=build_time_without_progress(generation, now) if has_timers else None,
    )


def present_card(
    generation: Generation, *, now: datetime, positions: Mapping[int, QueuePosition] = NO_POSITIONS
) -> Card:
    """Prepare a card. No query, if `results` and their assets are prefetched.

    `positions`: queue positions of queued generations, by pk.
    """
    position = positions.get(generation.pk)
    text = build_status_text(generation, now, position)
    is_watched = not generation.is_dismissed
    has_more_videos = len(_list_results(generation)) > SHOWN_RESULTS_LIMIT
    return Card(
        **{
            **vars(_build_gallery_item(generation, text, now)),
            **vars(present_progress(generation, now=now)),
        },
        is_ticking=generation.is_live and is_watched,
        order=" ".join(map(str, get_rail_order(generation))),
        batch_id=generation.batch_id,
        short_message=build_short_status_text(generation, text, position),
        cost_text=build_cost_text(generation),
        model_id=generation.model_id,
        chips=present_chips(generation),
        expected_seconds=generation.expected_seconds,
        elapsed_text=format_clock(generation.get_elapsed(now)),
        advice=str(text.advice),
        credit_history_text=build_credit_history_text(generation),
        more_videos_url=reverse("film", args=[generation.pk]) if has_more_videos else "",
        details=_support_details(generation),
        can_dismiss=generation.state in DISMISSIBLE_STATES and is_watched,
    )


def get_rail_order(generation: Generation) -> tuple[int, int, int, int]:
    """Where it stands in the rail: what is at EvoLink, the oldest first; then what is queued, in
    its order; then what ended, the newest first. So nothing moves when its turn comes."""
    pressed_at = (generation.created_at - _EPOCH) // _MICROSECOND
    if generation.is_ended:
        return 2, 0, -pressed_at, -generation.pk
    if generation.state == State.QUEUED:
        return 1, generation.queue_rank, pressed_at, generation.pk
    return 0, 0, pressed_at, generation.pk


def present_gallery_item(
    generation: Generation, *, now: datetime, positions: Mapping[int, QueuePosition] = NO_POSITIONS
) -> GalleryItem:
    """As `present_card`, of what a list shows."""
    text = build_status_text(generation, now, positions.get(generation.pk))
    return _build_gallery_item(generation, text, now)


def _build_gallery_item(generation: Generation, text: StatusText, now: datetime) -> GalleryItem:
    spec = SPECS.get(generation.model_id)
    # A model that left the catalogue has no form of its own.
    form_url = reverse("create", args=[spec.id if spec else next(iter(SPECS))])
    results = _list_results(generation)
    is_cut = generation.model_id == CUT_MODEL_ID  # nothing was asked for that could be again
    anchor = _error_field_anchor(generation, spec)
    return GalleryItem(
        id=generation.pk,
        state=generation.state,
        state_text=str(text.label),
        icon="stalled" if generation.stalled_since else generation.state,
        is_stalled=_is_stalled(generation),
        is_ended=generation.is_ended,
        is_dismissed=generation.is_dismissed,
        model_label=_(get_label(generation.model_id)),
        format_text=describe_format(generation),
        title=generation.title,
        prompt=build_prompt_text(generation),
        created_at=generation.created_at,
        progress_text=_progress_text(generation),
        message=str(text.message),
        storage_badge=build_storage_badge(generation, now),
        charge_text=build_charge_text(generation),
        videos=tuple(present_video(result.asset) for result in results[:SHOWN_RESULTS_LIMIT]),
        videos_note=str(text.message) if results and _has_gaps(generation) else "",
        can_cancel=generation.state == State.QUEUED,
        reuse_url="" if is_cut else f"{form_url}?from={generation.pk}{anchor}",
        reuse_text=_reuse_text(generation),
        show_url=f"{form_url}?show={generation.pk}",
    )


def _has_problem(generation: Generation) -> bool:
    return generation.state == State.RUNNING and generation.error_code in RUNNING_PROBLEMS


def _is_stalled(generation: Generation) -> bool:
    return generation.stalled_since is not None and not _has_problem(generation)


def _progress_text(generation: Generation) -> str:
    if generation.state != State.RUNNING:
        return ""
    percent, usual_text = f"{generation.progress} %", _usual_text(generation)
    return f"{percent} · {usual_text}" if usual_text else percent


def _usual_text(generation: Generation) -> str:
    if generation.state != State.RUNNING or not generation.expected_seconds:
        return ""
    return _("usually {time}").format(time=format_approx_duration(generation.expected_seconds))


def present_chips(generation: Generation) -> tuple[str, ...]:
    """The chosen settings, as a card shows them."""
    spec = SPECS.get(generation.model_id)
    fields_by_name = {field.name: field for field in spec.fields} if spec else {}
    chips = []
    for name in CHIP_FIELDS:
        value = get_member(generation.params, name)
        if value in (None, "", False) or name not in fields_by_name:
            continue
        if not isinstance(value, str | int | float):  # no setting: stored by something else
            continue
        field = fields_by_name[name]
        label = next(
            (_(option.label) for option in field.options if option.value == value), f"{value}"
        )
        is_labelled = field.control == Control.CHOICE and name in ("sound", "mode")
        label = Truncator(label).chars(MAX_CHIP_CHARACTERS)
        unit = field.unit if not field.options else ""
        chips.append(f"{_(field.label)}: {label}" if is_labelled else f"{label} {unit}".strip())
    return tuple(chips)


def build_prompt_text(generation: Generation) -> str:
    """The prompt, or those of the shots, or the films of a cut; "" without any."""
    if generation.prompt:
        return generation.prompt
    is_cut = generation.model_id == CUT_MODEL_ID
    rows = get_member(generation.params, "parts" if is_cut else "shots")
    rows = rows if isinstance(rows, list) else []
    prompts = [get_member(row, "title" if is_cut else "prompt") for row in rows]
    return " / ".join(prompt for prompt in prompts if isinstance(prompt, str))


def _list_results(generation: Generation) -> list[GeneratedVideo]:
    """The first saved results, and one more than are shown where there are more."""
    if generation.state not in STATES_WITH_RESULTS:
        return []
    return list(generation.results.all()[: SHOWN_RESULTS_LIMIT + 1])


def _has_gaps(generation: Generation) -> bool:
    """Whether results are missing: not saved yet, or not to be had."""
    return generation.state == State.SAVING or bool(generation.error_code)


def present_video(asset: Asset) -> ResultVideo:
    """A saved result as cards and pages show it."""
    return ResultVideo(
        asset=asset,
        kind=asset.kind,
        mime=asset.mime,
        width=asset.width,
        height=asset.height,
        seconds=f"{asset.seconds:.1f}" if asset.seconds is not None else "",
    )


def _support_details(generation: Generation) -> tuple[tuple[str, str], ...]:
    """(label, text) pairs that support needs to find it. Contains no key and no URL."""
    lines = (
        (_("Number here"), str(generation.pk)),
        (_("Task at EvoLink"), generation.task_id or ""),
        (_("Model used"), generation.model_used),
        (_("Pressed"), _format_utc(generation.created_at)),
        (_("Sent"), _format_utc(generation.sent_at)),
        (_("Accepted"), _format_utc(generation.accepted_at)),
        (_("Ended"), _format_utc(generation.finished_at)),
        (_("Code"), generation.error_code),
        (_("EvoLink's own words"), generation.error_text),
    )
    return tuple((name, text) for name, text in lines if text)


def _format_utc(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else ""


def _error_field_anchor(generation: Generation, spec: ModelSpec | None) -> str:
    """The fragment of the form field that EvoLink named; "" without one."""
    if generation.state != State.FAILED or spec is None:
        return ""
    name = field_from_error(generation.error_field, {field.name for field in spec.fields})
    return f"#field-{name}" if name else ""


def _reuse_text(generation: Generation) -> str:
    if generation.state != State.FAILED:
        return _("Use these settings")
    meaning = build_failure_text(generation.error_code)
    if meaning.state_label:
        return _("Make it again")
    return _("Try again") if meaning.is_retryable else _("Change and try again")
