"""Base classes, texts and limits that several AI models share."""

from pydantic import BaseModel, ConfigDict

from evolink_studio.catalog.fields import Control, Param
from evolink_studio.catalog.media import MEGABYTE, MediaConstraints
from evolink_studio.catalog.messages import _


class RequestRow(BaseModel):
    """One row of a list of rows, like a shot."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class VideoRequest(BaseModel):
    """The parameters of one AI model: types, bounds, defaults and texts.

    Written as `name: Annotated[type, bounds, MediaConstraints, Param(...)] = default`. An optional
    one is `Annotated[...] | None`, because bounds belong to one member of a union, and `typing`
    caches unions of equal literals in any order, while options are shown in the written order.
    Whatever depends on two fields is a rule.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


ASPECT_RATIO_TEXTS = {
    "16:9": ("16:9", _("Landscape, for screens and YouTube.")),
    "9:16": ("9:16", _("Portrait, for phones and stories.")),
    "1:1": ("1:1", _("Square, for feeds.")),
    "4:3": ("4:3", _("Landscape, like an old television.")),
    "3:4": ("3:4", _("Portrait, gently upright.")),
    "3:2": ("3:2", _("Landscape, like a photograph.")),
    "2:3": ("2:3", _("Portrait, like a photograph on end.")),
    "21:9": ("21:9", _("Very wide, like cinema.")),
}

PROMPT = Param(
    label=_("Prompt"),
    help=_("Describe the video: who or what is seen, what happens, and how the camera moves."),
    control=Control.PROMPT,
    example=_("A cat playing piano"),
)

IMAGE_CONSTRAINTS = MediaConstraints(
    kind="image", formats=("jpeg", "png", "webp"), max_bytes=10 * MEGABYTE
)
