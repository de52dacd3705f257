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

FILES = {
    "image": MediaConstraints(kind="image", formats=("jpeg", "png", "webp")),
    "video": MediaConstraints(kind="video", formats=("mp4", "mov")),
    "audio": MediaConstraints(kind="audio", formats=("mp3", "wav")),
}
PLAIN = {"integer": int, "number": float, "string": str, "boolean": bool}


@dataclass(frozen=True)
class Leaf:
    """A parameter that is no object: where it stands in the body, and its JSON schema."""

    path: str
    schema: dict[str, Any]
    required: bool

    @property
    def name(self) -> str:
        return self.path.split(".")[-1]


def leaves(
    params: dict[str, Any], required: list[str], above: str = "", certain: bool = True
) -> Iterator[Leaf]:
    """Every parameter, those inside of objects included; required if all above it is."""
    for name, schema in params.items():
        path, needed = f"{above}{name}", certain and name in required
        if "properties" in schema:
            below = schema.get("required", [])
            yield from leaves(schema["properties"], below, f"{path}.", needed)
        else:
            yield Leaf(path, schema, needed)


def spec_of(entry: dict[str, Any]) -> ModelSpec:
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
        request_class=_request(entry),
    )


def _request(entry: dict[str, Any]) -> type[VideoRequest]:
    fields = {leaf.name: _field(leaf) for leaf in leaves(entry["params"], entry["required"])}
    return create_model("Built", __base__=VideoRequest, **fields)  # type: ignore[call-overload] # names are data


def _field(leaf: Leaf) -> tuple[Any, Any]:
    path, kind = _type(leaf)
    default = leaf.schema.get("default", [] if getattr(kind, "__origin__", None) is list else None)
    control = Control.PROMPT if leaf.path == "prompt" else None
    param = Param(leaf.name, "A parameter of this AI model.", control=control, encoding=path)
    if leaf.required:
        return Annotated[kind, *_items(leaf.schema), param], ...
    kind = Annotated[kind, *_items(leaf.schema), param]
    return (kind if default is not None else kind | None), default


def _type(leaf: Leaf) -> tuple[JsonEncoding, Any]:
    schema = leaf.schema
    if schema.get("type") == "object":
        row = create_model("Pair", __base__=RequestRow, key=(str, ...), value=(str, ...))
        return JsonEncoding(leaf.path, key_value_columns=("key", "value")), list[row]
    if schema.get("type") != "array":
        return JsonEncoding(leaf.path), _scalar(leaf.name, schema)
    item = schema.get("items", {"type": "string"})
    inside = item.get("properties", {})
    if len(inside) == 1:
        name, only = next(iter(inside.items()))
        return JsonEncoding(f"{leaf.path}[].{name}"), list[_scalar(name, only)]
    if inside:
        columns = {name: (_scalar(name, column), ...) for name, column in inside.items()}
        return JsonEncoding(leaf.path), list[create_model("Built", __base__=RequestRow, **columns)]
    return JsonEncoding(leaf.path), list[_scalar(leaf.name, item)]


def _scalar(name: str, schema: dict[str, Any]) -> Any:
    if "oneOf" in schema:
        first, second = (_scalar(name, member) for member in schema["oneOf"])
        return first | second
    if "enum" in schema:
        return Literal[tuple(schema["enum"])]
    if (kind := file_kind(name, schema)) is not None:
        return Annotated[MediaFile, FILES[kind]]
    bounds = [
        mark(schema[key])
        for key, mark in {"minimum": Ge, "maximum": Le, "maxLength": MaxLen}.items()
        if key in schema
    ]
    plain = PLAIN[schema["type"]]
    return Annotated[plain, *bounds] if bounds else plain


def file_kind(name: str, schema: dict[str, Any]) -> str | None:
    """image, video or audio where the parameter is the URL of a file; None where it is not."""
    if not name.endswith(("_url", "_urls", "_image")) and not name.startswith("image_"):
        return None
    if name in ("file_url", "link_url") or schema.get("type") != "string":
        return None
    return next((kind for kind in ("video", "audio") if kind in name), "image")


def _items(schema: dict[str, Any]) -> list[Any]:
    marks = {"minItems": MinLen, "maxItems": MaxLen}
    return [mark(schema[key]) for key, mark in marks.items() if key in schema]
