"""Words and limits that several AI models share."""

from evolink_studio.catalog.media import MEGABYTE, Accepts
from evolink_studio.catalog.params import Control, Param
from evolink_studio.catalog.text import _

RATIOS = {
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

PICTURE = Accepts(kind="image", formats=("jpeg", "png", "webp"), max_bytes=10 * MEGABYTE)
