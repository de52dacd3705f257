"""The model picker and the examples of an empty workspace, in the person's language."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evolink_studio.catalog import SPECS
from evolink_studio.catalog.spec import Lifecycle, ModelSpec
from evolink_studio.core.formatting import format_approx_duration, format_credits
from evolink_studio.credits.exceptions import ModelNotAllowed
from evolink_studio.credits.models import RateCard
from evolink_studio.credits.pricing import calculate_price, find_lowest_unit_price
from evolink_studio.credits.queries import get_current_rate_cards
from evolink_studio.generations import queries


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
class ModelCard:
    """One AI model in the picker.

    `source_text` names the source of its rules, `replacement_text` the model to use instead,
    `denied_reason` why this person may not use it; "" if none.
    """

    id: str
    label: str
    summary: str
    source_text: str
    badges: tuple[str, ...]
    typical_time: str
    price_text: str
    lifecycle: str
    lifecycle_text: str
    replacement_text: str
    url: str
    switch_url: str
    is_selected: bool
    denied_reason: str = ""


@dataclass(frozen=True)
class ExampleCard:
    """An example that fills the form, with its price."""

    title: str
    prompt: str
    price_text: str
    url: str


_MODE_BADGES: Mapping[str, str | Promise] = {
    "text": gettext_lazy("Text"),
    "image": gettext_lazy("Pictures"),
    "video": gettext_lazy("Video"),
    "audio": gettext_lazy("Audio"),
    "sound": gettext_lazy("With sound"),
}
_LIFECYCLE_LABELS: Mapping[Lifecycle, str | Promise] = {
    Lifecycle.ACTIVE: "",
    Lifecycle.PREVIEW: gettext_lazy("Preview"),
    Lifecycle.DEPRECATED: gettext_lazy("Ends soon"),
    Lifecycle.RETIRED: gettext_lazy("Retired"),
}


def present_models(
    selected_id: str, now: datetime, denied_ids: Container[str] = ()
) -> list[ModelCard]:
    """The picker; `denied_ids` are models that the person may not use. Two queries."""
    typical_seconds = queries.get_typical_seconds(list(SPECS), now)
    rate_cards = get_current_rate_cards(now=now)
    present = partial(
        _present_model,
        selected_id=selected_id,
        typical_seconds=typical_seconds,
        rate_cards=rate_cards,
        denied_ids=denied_ids,
    )
    return [present(spec) for spec in SPECS.values()]


def _present_model(
    spec: ModelSpec,
    *,
    selected_id: str,
    typical_seconds: Mapping[str, int],
    rate_cards: Mapping[str, RateCard],
    denied_ids: Container[str],
) -> ModelCard:
    seconds = typical_seconds.get(spec.id, spec.typical_seconds)
    return ModelCard(
        id=spec.id,
        label=_(spec.label),
        summary=_(spec.summary),
        source_text=_("{documentation}, checked on {date}").format(
            documentation=spec.documentation, date=date_format(spec.checked_on, "DATE_FORMAT")
        ),
        badges=(
            *(str(_MODE_BADGES[mode.value]) for mode in spec.capabilities),
            *_limit_badges(spec),
        ),
        typical_time=_("usually {time}").format(time=format_approx_duration(seconds)),
        price_text=_price_text(rate_cards.get(spec.id)),
        lifecycle="" if spec.lifecycle is Lifecycle.ACTIVE else spec.lifecycle.value,
        lifecycle_text=str(_LIFECYCLE_LABELS[spec.lifecycle]),
        replacement_text=_replacement_text(spec),
        url=reverse("create", args=[spec.id]),
        switch_url=reverse("switch", args=[spec.id]),
        is_selected=spec.id == selected_id,
        denied_reason=ModelNotAllowed(model_id=spec.id).reason if spec.id in denied_ids else "",
    )


def _replacement_text(spec: ModelSpec) -> str:
    """Which model to use instead; "" without a known replacement."""
    if spec.replacement not in SPECS:
        return ""
    return _("Replaced by {model}.").format(model=_(SPECS[spec.replacement].label))


def _limit_badges(spec: ModelSpec) -> list[str]:
    """The longest duration and highest quality of a model, as far as they are known."""
    max_length = (
        _("up to {n} s").format(n=f"{spec.duration_range[1]:g}") if spec.duration_range else ""
    )
    if spec.fixed_seconds is not None:
        max_length = f"{spec.fixed_seconds} s"
    max_quality = (
        _("up to {quality}").format(quality=_(spec.highest_quality)) if spec.highest_quality else ""
    )
    return [text for text in (max_length, max_quality) if text]


def _price_text(rate_card: RateCard | None) -> str:
    if rate_card is None:
        return _("price not known")
    amount = format_credits(find_lowest_unit_price(rate_card))
    if rate_card.unit == RateCard.Unit.SECOND:
        return _("from {n} credits a second").format(n=amount)
    return _("{n} credits a film").format(n=amount)


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
