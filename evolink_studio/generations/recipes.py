"""Three examples for a first visit. Each fills the form of its model."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


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
        _("A quiet street at dawn"),
        "doubao-seedance-1.0-pro-fast",
        _(
            "A narrow street at dawn after rain. A cyclist passes, the camera follows low over "
            "the wet stones, warm light in the windows."
        ),
        {"duration": 5, "quality": "720p", "aspect_ratio": "16:9"},
    ),
    "2": Recipe(
        _("A cat at the piano"),
        "grok-imagine-text-to-video",
        _("A cat plays the piano in a smoky jazz club, close-up of its paws, soft spotlight."),
        {"duration": 6, "mode": "fun", "aspect_ratio": "1:1"},
    ),
    "3": Recipe(
        _("Product on a turning table"),
        "veo3.1-pro",
        _(
            "A glass perfume bottle on a slowly turning stone table, studio light, water drops "
            "running down the glass, the sound of a distant bell."
        ),
        {"aspect_ratio": "16:9", "quality": "720p"},
    ),
}
