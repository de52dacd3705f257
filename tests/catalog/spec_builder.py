"""Builds a spec from a published list of parameters, to try the types on many AI models.

Nested objects become flat fields that know their path; what people fill in stays a form.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import create_model

from evolink_studio.catalog import Capability, MediaFile, ModelSpec, VideoRequest
from evolink_studio.catalog.base import RequestRow
from evolink_studio.catalog.fields import Control, JsonEncoding, Param
from evolink_studio.catalog.media import MediaConstraints

MEDIA_CONSTRAINTS = {
    "image": MediaConstraints(kind="image", formats=("jpeg", "png", "webp")),
    "video": MediaConstraints(kind="video", formats=("mp4", "mov")),
    "audio": MediaConstraints(kind="audio", formats=("mp3", "wav")),
}
PYTHON_TYPES = {"integer": int, "number": float, "string": str, "boolean": bool}


@dataclass(frozen=True)
class ParameterLeaf:
    """A parameter that is no object: where it stands in the body, and its JSON schema."""

    path: str
    schema: dict[str, Any]
    is_required: bool

    @property
    def name(self) -> str:
        return self.path.split(".")[-1]


def list_leaves(
    params: dict[str, Any],
    required_names: list[str],
    prefix: str = "",
    is_parent_required: bool = True,
) -> Iterator[ParameterLeaf]:
    """Every parameter, those inside of objects included; required if all above it is."""
    for name, schema in params.items():
        path, is_required = f"{prefix}{name}", is_parent_required and name in required_names
        if "properties" in schema:
            nested_required = schema.get("required", [])
            yield from list_leaves(schema["properties"], nested_required, f"{path}.", is_required)
        else:
            yield ParameterLeaf(path, schema, is_required)


def build_spec(entry: dict[str, Any]) -> ModelSpec:
    """The spec of an entry of the published list."""
    model_id = entry["ids"][0]
    return ModelSpec(
        id=model_id,
        label=model_id,
        family=model_id.split("-")[0],
        summary="From the published list.",
        capabilities=(Capability.TEXT,),
        typical_seconds=entry["estimated_time_example"] or 120,
        documentation="EvoLink documentation",
        checked_on=date(2026, 8, 31),
        request_class=_build_request_class(entry),
    )


def _build_request_class(entry: dict[str, Any]) -> type[VideoRequest]:
    fields = {
        leaf.name: _build_field(leaf) for leaf in list_leaves(entry["params"], entry["required"])
    }
    return create_model("Built", __base__=VideoRequest, **fields)  # type: ignore[call-overload] # names are data


def _build_field(leaf: ParameterLeaf) -> tuple[Any, Any]:
    path, annotation = _build_type(leaf)
    default = leaf.schema.get(
        "default", [] if getattr(annotation, "__origin__", None) is list else None
    )
    control = Control.PROMPT if leaf.path == "prompt" else None
    param = Param(leaf.name, "A parameter of this AI model.", control=control, encoding=path)
    if leaf.is_required:
        return Annotated[annotation, *_list_constraints(leaf.schema), param], ...
    annotation = Annotated[annotation, *_list_constraints(leaf.schema), param]
    return (annotation if default is not None else annotation | None), default


def _build_type(leaf: ParameterLeaf) -> tuple[JsonEncoding, Any]:
    schema = leaf.schema
    if schema.get("type") == "object":
        row = create_model("Pair", __base__=RequestRow, key=(str, ...), value=(str, ...))
        return JsonEncoding(leaf.path, key_value_columns=("key", "value")), list[row]
    if schema.get("type") != "array":
        return JsonEncoding(leaf.path), _build_scalar(leaf.name, schema)
    item = schema.get("items", {"type": "string"})
    properties = item.get("properties", {})
    if len(properties) == 1:
        name, member = next(iter(properties.items()))
        return JsonEncoding(f"{leaf.path}[].{name}"), list[_build_scalar(name, member)]
    if properties:
        columns = {name: (_build_scalar(name, column), ...) for name, column in properties.items()}
        return JsonEncoding(leaf.path), list[create_model("Built", __base__=RequestRow, **columns)]
    return JsonEncoding(leaf.path), list[_build_scalar(leaf.name, item)]


def _build_scalar(name: str, schema: dict[str, Any]) -> Any:
    if "oneOf" in schema:
        first, second = (_build_scalar(name, member) for member in schema["oneOf"])
        return first | second
    if "enum" in schema:
        return Literal[tuple(schema["enum"])]
    if (media_kind := media_kind_of(name, schema)) is not None:
        return Annotated[MediaFile, MEDIA_CONSTRAINTS[media_kind]]
    bounds = [
        constraint(schema[key])
        for key, constraint in {"minimum": Ge, "maximum": Le, "maxLength": MaxLen}.items()
        if key in schema
    ]
    python_type = PYTHON_TYPES[schema["type"]]
    return Annotated[python_type, *bounds] if bounds else python_type


def media_kind_of(name: str, schema: dict[str, Any]) -> str | None:
    """image, video or audio where the parameter is the URL of a file; None where it is not."""
    if not name.endswith(("_url", "_urls", "_image")) and not name.startswith("image_"):
        return None
    if name in ("file_url", "link_url") or schema.get("type") != "string":
        return None
    return next((kind for kind in ("video", "audio") if kind in name), "image")


def _list_constraints(schema: dict[str, Any]) -> list[Any]:
    constraints = {"minItems": MinLen, "maxItems": MaxLen}
    return [constraint(schema[key]) for key, constraint in constraints.items() if key in schema]
