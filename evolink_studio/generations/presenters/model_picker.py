"""What a page shows around the form and the cards, in the person's language."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evolink_studio.catalog import SPECS
from evolink_studio.catalog.spec import Lifecycle, Spec
from evolink_studio.core.formatting import about_text, credits_text
from evolink_studio.credits.exceptions import ModelNotAllowed
from evolink_studio.credits.models import RateCard
from evolink_studio.credits.pricing import cheapest, price
from evolink_studio.credits.queries import current_cards
from evolink_studio.generations import queries


@dataclass(frozen=True)
class Recipe:
    """An example: a title, the model it suits, a prompt and settings."""

    title: str | Promise
    model_id: str
    prompt: str | Promise
    settings: Mapping[str, object]

    def values(self) -> dict[str, object]:
        return {"prompt": str(self.prompt), **self.settings}


RECIPES: dict[str, Recipe] = {
    "1": Recipe(
        gettext_lazy("A quiet street at dawn"),
        "doubao-seedance-1.0-pro-fast",
        gettext_lazy(
            "A narrow street at dawn after rain. A cyclist passes, the camera follows low over "
            "the wet stones, warm light in the windows."
        ),
        {"duration": 5, "quality": "720p", "aspect_ratio": "16:9"},
    ),
    "2": Recipe(
        gettext_lazy("A cat at the piano"),
        "grok-imagine-text-to-video",
        gettext_lazy(
            "A cat plays the piano in a smoky jazz club, close-up of its paws, soft spotlight."
        ),
        {"duration": 6, "mode": "fun", "aspect_ratio": "1:1"},
    ),
    "3": Recipe(
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
    """One AI model in the picker; `reason` says why this person may not use it."""

    id: str
    label: str
    summary: str
    badges: tuple[str, ...]
    typical: str
    price: str
    lifecycle: str
    lifecycle_text: str
    url: str
    switch_url: str
    selected: bool
    reason: str = ""


@dataclass(frozen=True)
class RecipeCard:
    """An example that fills the form, with its price."""

    title: str
    prompt: str
    price: str
    url: str


_BADGES: Mapping[str, str | Promise] = {
    "text": gettext_lazy("Text"),
    "image": gettext_lazy("Pictures"),
    "video": gettext_lazy("Video"),
    "audio": gettext_lazy("Audio"),
    "sound": gettext_lazy("With sound"),
}
_LIFECYCLES: Mapping[Lifecycle, str | Promise] = {
    Lifecycle.ACTIVE: "",
    Lifecycle.PREVIEW: gettext_lazy("Preview"),
    Lifecycle.DEPRECATED: gettext_lazy("Ends soon"),
    Lifecycle.RETIRED: gettext_lazy("Retired"),
}


def model_cards(selected: str, now: datetime, closed: Container[str] = ()) -> list[ModelCard]:
    """The picker; `closed` are models that the person may not use. Two queries in all."""
    typical = queries.typical_seconds(list(SPECS))
    prices = current_cards(now=now)
    make = partial(_model_card, selected=selected, typical=typical, prices=prices, closed=closed)
    return [make(spec) for spec in SPECS.values()]


def _model_card(
    spec: Spec,
    *,
    selected: str,
    typical: Mapping[str, int],
    prices: Mapping[str, RateCard],
    closed: Container[str],
) -> ModelCard:
    seconds = typical.get(spec.id, spec.typical_seconds)
    return ModelCard(
        id=spec.id,
        label=_(spec.label),
        summary=_(spec.summary),
        badges=(*(str(_BADGES[mode.value]) for mode in spec.modes), *_limits(spec)),
        typical=_("usually {time}").format(time=about_text(seconds)),
        price=_price(prices.get(spec.id)),
        lifecycle="" if spec.lifecycle is Lifecycle.ACTIVE else spec.lifecycle.value,
        lifecycle_text=str(_LIFECYCLES[spec.lifecycle]),
        url=reverse("create", args=[spec.id]),
        switch_url=reverse("switch", args=[spec.id]),
        selected=spec.id == selected,
        reason=ModelNotAllowed(model_id=spec.id).what if spec.id in closed else "",
    )


def _limits(spec: Spec) -> list[str]:
    """The longest and the finest that it makes, as far as that can be chosen or is fixed."""
    length = _("up to {n} s").format(n=f"{spec.seconds[1]:g}") if spec.seconds else ""
    if spec.fixed_seconds is not None:
        length = f"{spec.fixed_seconds} s"
    finest = _("up to {quality}").format(quality=_(spec.finest)) if spec.finest else ""
    return [text for text in (length, finest) if text]


def _price(card: RateCard | None) -> str:
    if card is None:
        return _("price not known")
    amount = credits_text(cheapest(card))
    if card.unit == RateCard.Unit.SECOND:
        return _("from {n} credits a second").format(n=amount)
    return _("{n} credits a film").format(n=amount)


def recipe_cards(now: datetime) -> list[RecipeCard]:
    """Examples for an empty first page. One query."""
    prices = current_cards(now=now)
    return [
        RecipeCard(
            title=str(recipe.title),
            prompt=str(recipe.prompt),
            price=_("about {n} credits").format(
                n=credits_text(price(prices[recipe.model_id], recipe.settings))
            )
            if recipe.model_id in prices
            else "",
            url=f"{reverse('create', args=[recipe.model_id])}?recipe={number}",
        )
        for number, recipe in RECIPES.items()
    ]
