"""The model picker and the examples of an empty workspace, in the person's language."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evolink_studio.accounts.models import User
from evolink_studio.catalog import SPECS
from evolink_studio.catalog.fields import Field, Option
from evolink_studio.catalog.spec import Capability, Lifecycle, ModelSpec
from evolink_studio.core.formatting import format_approx_duration, format_credits
from evolink_studio.credits.exceptions import ModelNotAllowed
from evolink_studio.credits.models import RateCard
from evolink_studio.credits.pricing import (
    calculate_price,
    estimate_price,
    find_lowest_unit_price,
)
from evolink_studio.credits.queries import get_current_rate_cards
from evolink_studio.generations import queries
from evolink_studio.library.models import Asset
from evolink_studio.library.poster_urls import build_poster_urls


@dataclass(frozen=True)
class Example:
    """An example: a title, a model, a prompt and settings."""

    title: str | Promise
    model_id: str
    prompt: str | Promise
    settings: Mapping[str, object]

    def to_form_values(self) -> dict[str, object]:
        return {"prompt": str(self.prompt), **self.settings}


EXAMPLES: dict[str, Example] = {
    "1": Example(
        gettext_lazy("A quiet street at dawn"),
        "doubao-seedance-1.0-pro-fast",
        gettext_lazy(
            "A narrow street at dawn after rain. A cyclist passes, the camera follows low over "
            "the wet stones, warm light in the windows."
        ),
        {"duration": 5, "quality": "720p", "aspect_ratio": "16:9"},
    ),
    "2": Example(
        gettext_lazy("A cat at the piano"),
        "grok-imagine-text-to-video",
        gettext_lazy(
            "A cat plays the piano in a smoky jazz club, close-up of its paws, soft spotlight."
        ),
        {"duration": 6, "mode": "fun", "aspect_ratio": "1:1"},
    ),
    "3": Example(
        gettext_lazy("Product on a turning table"),
        "veo3.1-pro",
        gettext_lazy(
            "A glass perfume bottle on a slowly turning stone table, studio light, water drops "
            "running down the glass, the sound of a distant bell."
        ),
        {"aspect_ratio": "16:9", "quality": "720p"},
    ),
}


@dataclass(frozen=True)
class ModelFeature:
    """A column of the picker: whether a model has this. `code` is what the filter asks for."""

    code: str
    label: str
    is_offered: bool


@dataclass(frozen=True)
class ModelCard:
    """One AI model in the picker, beside the same facts of all others.

    `source_text` names the source of its rules, `replacement_text` the model to use instead,
    `denied_reason` why this person may not use it; "" if none. `price_text` is for the video that
    `price_for` names. `poster_url`: the person's own best film of it.
    """

    id: str
    label: str
    summary: str
    source_text: str
    features: tuple[ModelFeature, ...]
    needs_picture: bool
    length_text: str
    quality_text: str
    typical_time: str
    is_time_measured: bool
    price_for: str
    price_text: str
    lifecycle: str
    lifecycle_text: str
    replacement_text: str
    url: str
    switch_url: str
    is_selected: bool
    is_pinned: bool = False
    poster_url: str = ""
    denied_reason: str = ""

    @property
    def feature_codes(self) -> str:
        """What it has, for the filter."""
        return " ".join(feature.code for feature in self.features if feature.is_offered)

    @property
    def search_text(self) -> str:
        """All words by which it is found."""
        labels = [feature.label for feature in self.features if feature.is_offered]
        texts = (
            *(self.label, self.id, self.summary, *labels, self.length_text, self.quality_text),
            self.lifecycle_text,
        )
        return " ".join(text for text in texts if text)


@dataclass(frozen=True)
class ModelSummary:
    """The chosen model on the button that opens the picker."""

    id: str
    label: str
    info: str


@dataclass(frozen=True)
class ExampleCard:
    """An example that fills the form, with its price."""

    title: str
    prompt: str
    price_text: str
    url: str


_LIFECYCLE_LABELS: Mapping[Lifecycle, str | Promise] = {
    Lifecycle.ACTIVE: "",
    Lifecycle.PREVIEW: gettext_lazy("Preview"),
    Lifecycle.DEPRECATED: gettext_lazy("Ends soon"),
    Lifecycle.RETIRED: gettext_lazy("Service ended"),
}
# What a price is compared for, or the nearest to it that a model offers.
COMMON_SECONDS, COMMON_LINES = 5, 720
LINES_BY_WORD = {"4k": 2160, "2k": 1440, "8k": 4320}


def list_features() -> list[ModelFeature]:
    """The columns of the picker, and the choices of its filter."""
    return [
        ModelFeature("words", _("Words"), is_offered=False),
        ModelFeature("picture", _("Picture"), is_offered=False),
        ModelFeature("frames", _("Two frames"), is_offered=False),
        ModelFeature("video", _("Video"), is_offered=False),
        ModelFeature("sound", _("Sound"), is_offered=False),
    ]


def present_models(
    user: User, selected_id: str, now: datetime, denied_ids: Container[str] = ()
) -> list[ModelCard]:
    """The picker, what is pinned first; `denied_ids` are models that the person may not use.
    Five queries."""
    pinned_ids = queries.list_pinned_model_ids(user)
    best_films = queries.get_best_films(user, list(SPECS))
    typical_seconds = queries.get_typical_seconds(list(SPECS), now)
    rate_cards = get_current_rate_cards(now=now)
    cards = [
        _present_model(
            spec,
            now=now,
            selected_id=selected_id,
            measured_seconds=typical_seconds.get(spec.id),
            rate_card=rate_cards.get(spec.id),
            is_pinned=spec.id in pinned_ids,
            best_film=best_films.get(spec.id),
            is_denied=spec.id in denied_ids,
        )
        for spec in SPECS.values()
    ]
    return sorted(cards, key=lambda card: not card.is_pinned)


def summarize_model(spec: ModelSpec, now: datetime) -> ModelSummary:
    """The chosen model and how long it usually takes. One query."""
    seconds = queries.get_typical_seconds(list(SPECS), now).get(spec.id, spec.typical_seconds)
    usual_time = _("usually {time}").format(time=format_approx_duration(seconds))
    parts = (usual_time, _length_text(spec), _quality_text(spec))
    return ModelSummary(spec.id, _(spec.label), " · ".join(part for part in parts if part))


def _present_model(
    spec: ModelSpec,
    *,
    now: datetime,
    selected_id: str,
    measured_seconds: int | None,
    rate_card: RateCard | None,
    is_pinned: bool,
    best_film: Asset | None,
    is_denied: bool,
) -> ModelCard:
    price_for, price_text = _present_common_price(spec, rate_card)
    seconds = spec.typical_seconds if measured_seconds is None else measured_seconds
    return ModelCard(
        id=spec.id,
        label=_(spec.label),
        summary=_(spec.summary),
        source_text=_("{documentation}, checked on {date}").format(
            documentation=spec.documentation, date=date_format(spec.checked_on, "DATE_FORMAT")
        ),
        features=_list_features_of(spec),
        needs_picture=Capability.TEXT not in spec.capabilities and spec.takes_files("image"),
        length_text=_length_text(spec),
        quality_text=_quality_text(spec),
        typical_time=format_approx_duration(seconds),
        is_time_measured=measured_seconds is not None,
        price_for=price_for,
        price_text=price_text,
        lifecycle="" if spec.lifecycle is Lifecycle.ACTIVE else spec.lifecycle.value,
        lifecycle_text=_lifecycle_text(spec, now.date()),
        replacement_text=_replacement_text(spec),
        url=reverse("create", args=[spec.id]),
        switch_url=reverse("switch", args=[spec.id]),
        is_selected=spec.id == selected_id,
        is_pinned=is_pinned,
        poster_url=build_poster_urls(best_film).small if best_film else "",
        denied_reason=ModelNotAllowed(model_id=spec.id).reason if is_denied else "",
    )


def _list_features_of(spec: ModelSpec) -> tuple[ModelFeature, ...]:
    offered = {
        "words": Capability.TEXT in spec.capabilities,
        "picture": spec.takes_files("image"),
        "frames": spec.max_frames > 1,
        "video": spec.takes_files("video"),
        "sound": Capability.SOUND in spec.capabilities,
    }
    return tuple(replace(feature, is_offered=offered[feature.code]) for feature in list_features())


def _lifecycle_text(spec: ModelSpec, today: date) -> str:
    """Whether its service goes on; "" if nothing else is known."""
    if spec.ends_on is None or spec.lifecycle is Lifecycle.RETIRED:
        return str(_LIFECYCLE_LABELS[spec.lifecycle])
    if spec.ends_on <= today:
        return str(_LIFECYCLE_LABELS[Lifecycle.RETIRED])
    return _("Ends on {date}").format(date=date_format(spec.ends_on, "SHORT_DATE_FORMAT"))


def _replacement_text(spec: ModelSpec) -> str:
    """Which model to use instead; "" without a known replacement."""
    if spec.replacement not in SPECS:
        return ""
    return _("Replaced by {model}.").format(model=_(SPECS[spec.replacement].label))


def _length_text(spec: ModelSpec) -> str:
    """How long its videos can get; "" if that is not known."""
    if spec.duration_range is None:
        return ""
    shortest, longest = (f"{seconds:g}" for seconds in spec.duration_range)
    return f"{longest} s" if shortest == longest else f"{shortest}–{longest} s"


def _quality_text(spec: ModelSpec) -> str:
    """The highest quality; "" without a choice."""
    return (
        _("up to {quality}").format(quality=_(spec.highest_quality)) if spec.highest_quality else ""
    )


def build_common_settings(spec: ModelSpec) -> Mapping[str, object]:
    """The settings for which models are compared: five seconds at 720p, or what is nearest to
    that, and all else as it is in an empty form."""
    names = {field.name: field for field in spec.fields}
    wishes: dict[str, object] = {}
    if duration := names.get("duration"):
        wishes["duration"] = str(_find_nearest_seconds(duration))
    if (quality := names.get("quality")) and quality.options:
        nearest = min(quality.options, key=lambda it: abs(_count_lines(it.value) - COMMON_LINES))
        wishes["quality"] = str(nearest.value)
    fixed_length = {"duration": spec.fixed_seconds} if spec.fixed_seconds is not None else {}
    return {**fixed_length, **spec.evaluate(wishes).values}


def _find_nearest_seconds(duration: Field) -> float:
    numbers = [it.value for it in duration.options if isinstance(it.value, int | float)]
    if numbers:
        return min(numbers, key=lambda seconds: abs(seconds - COMMON_SECONDS))
    shortest, longest = duration.minimum or COMMON_SECONDS, duration.maximum or COMMON_SECONDS
    return min(max(COMMON_SECONDS, shortest), longest)


def _count_lines(quality: object) -> int:
    """The lines of a picture of this quality, as "720p" and "4k" name them; 0 if it has none."""
    text = str(quality).lower()
    digits = text.removesuffix("p")
    return LINES_BY_WORD.get(text, int(digits) if digits.isdecimal() and len(digits) < 6 else 0)


def _present_common_price(spec: ModelSpec, rate_card: RateCard | None) -> tuple[str, str]:
    """What the common request costs: for which video, and how much."""
    if rate_card is None:
        return "", _("price not known")
    settings = build_common_settings(spec)
    amount = estimate_price(rate_card, settings).credits
    if amount is None:
        unit_price = format_credits(find_lowest_unit_price(rate_card))
        return "", _("from {n} credits a second").format(n=unit_price)
    seconds, quality = settings.get("duration"), settings.get("quality")
    length = f"{seconds} s" if seconds else _("a film")
    label = next((_(it.label) for it in _list_options(spec, "quality") if it.value == quality), "")
    price_for = _("{length} at {quality}").format(length=length, quality=label) if label else length
    return price_for, _("{n} credits").format(n=format_credits(amount))


def _list_options(spec: ModelSpec, name: str) -> tuple[Option, ...]:
    return next((field.options for field in spec.fields if field.name == name), ())


def present_examples(now: datetime) -> list[ExampleCard]:
    """Examples for an empty workspace, with prices. One query."""
    rate_cards = get_current_rate_cards(now=now)
    return [
        ExampleCard(
            title=str(example.title),
            prompt=str(example.prompt),
            price_text=_("about {n} credits").format(
                n=format_credits(calculate_price(rate_cards[example.model_id], example.settings))
            )
            if example.model_id in rate_cards
            else "",
            url=f"{reverse('create', args=[example.model_id])}?recipe={number}",
        )
        for number, example in EXAMPLES.items()
    ]
