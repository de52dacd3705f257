"""What each AI model allows: parameters, bounds, defaults and rules, and nothing of Django.

    spec = spec_for("veo3.1-pro")
    checked = spec.check({"prompt": "A cat playing piano"})
    spec.payload(checked.request, urls={})

Folder: `text` sentences · `media` files as facts · `params` what a field is · `introspect` types
into fields · `reading` strings into values · `checking` one value · `conditions`, `rules` what
depends on other fields · `payload` the JSON body · `carrying` from one AI model to another ·
`spec` all of it together · `models/` one file per AI model.

To add an AI model, write its file in `models/`, name it below, and add its cases to the tests.
"""

from evolink_studio.catalog.base import VideoRequest
from evolink_studio.catalog.conversion import Carried, Dropped
from evolink_studio.catalog.fields import Control, Field, Option
from evolink_studio.catalog.media import Accepts, Media
from evolink_studio.catalog.messages import Problem, Sentence
from evolink_studio.catalog.rules import Block
from evolink_studio.catalog.spec import Checked, Lifecycle, Mode, Spec
from evolink_studio.catalog.specs import (
    grok_imagine_text,
    kling_o3_image,
    seedance10_pro_fast,
    sora2_preview,
    veo31_pro,
)

__all__ = [
    "SPECS",
    "Accepts",
    "Block",
    "Carried",
    "Checked",
    "Control",
    "Dropped",
    "Field",
    "Lifecycle",
    "Media",
    "Mode",
    "Option",
    "Problem",
    "Sentence",
    "Spec",
    "UnknownModel",
    "VideoRequest",
    "spec_for",
]

# In the order people see; an affordable one that takes text and pictures comes first.
SPECS: dict[str, Spec] = {
    module.SPEC.id: module.SPEC
    for module in (
        seedance10_pro_fast,
        veo31_pro,
        kling_o3_image,
        grok_imagine_text,
        sora2_preview,
    )
}


class UnknownModel(KeyError):
    """No AI model of this id is in the catalogue."""


def spec_for(model_id: str) -> Spec:
    """UnknownModel when there is none."""
    try:
        return SPECS[model_id]
    except KeyError:
        raise UnknownModel(model_id) from None
