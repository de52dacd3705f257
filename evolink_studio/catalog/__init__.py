"""AI models as data: fields, rules, parsing, validation, serialization. No Django, no HTTP.

    spec = get_spec("veo3.1-pro")
    evaluation = spec.evaluate({"prompt": "A cat playing piano"})
    spec.build_payload(evaluation.request, urls={})

`fields` what a parameter is · `introspection` types to fields · `parsing` strings to values ·
`text` what counts as a text · `validation` one value against its field · `rules` what depends on
other fields · `notices` what is worth a look but may be sent · `serialization` the JSON body ·
`conversion` values of one model for another · `media` facts of files · `messages` translatable
sentences · `spec` all of it for one AI model · `specs/` one module per AI model.

To add an AI model, write its module in `specs/`, name it below, and add its cases to the tests.
"""

from evolink_studio.catalog.base import VideoRequest
from evolink_studio.catalog.conversion import Conversion, DroppedValue, convert_values
from evolink_studio.catalog.fields import Control, Field, Option
from evolink_studio.catalog.media import MediaConstraints, MediaFile
from evolink_studio.catalog.messages import FieldError, Message, _
from evolink_studio.catalog.rules import DisabledOption
from evolink_studio.catalog.spec import Capability, FormEvaluation, Lifecycle, ModelSpec
from evolink_studio.catalog.specs import (
    grok_imagine_text,
    kling_o3_image,
    seedance10_pro_fast,
    sora2_preview,
    veo31_pro,
)

__all__ = [
    "CUT_MODEL_ID",
    "SPECS",
    "Capability",
    "Control",
    "Conversion",
    "DisabledOption",
    "DroppedValue",
    "Field",
    "FieldError",
    "FormEvaluation",
    "Lifecycle",
    "MediaConstraints",
    "MediaFile",
    "Message",
    "ModelSpec",
    "Option",
    "UnknownModelError",
    "VideoRequest",
    "convert_values",
    "get_label",
    "get_spec",
]

CUT_MODEL_ID = "cut"  # of films that the studio put together itself: no AI model, and no spec

# In display order; an affordable one that takes text and pictures comes first.
SPECS: dict[str, ModelSpec] = {
    module.SPEC.id: module.SPEC
    for module in (
        seedance10_pro_fast,
        veo31_pro,
        kling_o3_image,
        grok_imagine_text,
        sora2_preview,
    )
}


class UnknownModelError(KeyError):
    """No AI model of this id is in the catalogue."""


def get_spec(model_id: str) -> ModelSpec:
    """Raises UnknownModelError when there is none."""
    try:
        return SPECS[model_id]
    except KeyError:
        raise UnknownModelError(model_id) from None


def get_label(model_id: str) -> str:
    """The name that people read; the id of a model that is not in the catalogue."""
    if model_id == CUT_MODEL_ID:
        return _("Cut")
    return SPECS[model_id].label if model_id in SPECS else model_id
