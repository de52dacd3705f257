"""Reads the fields of a form from the types of a request class."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, GroupedMetadata, Le, MaxLen, MinLen, MultipleOf
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from evolink_studio.catalog.fields import Control, Field, Option, Param, Wire
from evolink_studio.catalog.media import Accepts, Media
from evolink_studio.catalog.messages import _

PLAIN_CONTROLS: dict[Any, Control] = {
    int: Control.NUMBER,
    float: Control.NUMBER,
    str: Control.TEXT,
    bool: Control.SWITCH,
    Media: Control.MEDIA,
}
LIST_CONTROLS: dict[Any, Control] = {Media: Control.MEDIA, str: Control.TEXTS}
UNDESCRIBED = _("A setting of this AI model. It is sent as you enter it.")
ON_OFF = {True: (_("On"), _("Switched on.")), False: (_("Off"), _("Switched off."))}


@dataclass(frozen=True, slots=True)
class Shape:
    """An annotation taken apart: its types without None, its literal values, its metadata."""

    types: tuple[Any, ...]
    literals: tuple[Any, ...]
    metadata: tuple[Any, ...]
    optional: bool

    def last(self, kind: type[Any]) -> Any:
        """The last metadata of this kind: the outermost one, which wins; None without any."""
        found = [item for item in self.metadata if isinstance(item, kind)]
        return found[-1] if found else None

    def bound(self, kind: type[Any], name: str) -> Any:
        return getattr(self.last(kind), name, None)


def fields_of(request: type[BaseModel]) -> tuple[Field, ...]:
    """The fields of a request class (or of a row), in the order they are written."""
    return tuple(_field(name, info) for name, info in request.model_fields.items())


def shape_of(annotation: Any) -> Shape:
    parts = list(_parts(annotation))
    types = tuple(part for part, _meta in parts if get_origin(part) is not Literal)
    literals = tuple(
        value for part, _meta in parts for value in get_args(part) if get_origin(part) is Literal
    )
    metadata = tuple(_spread(item for _part, items in parts for item in items))
    known = tuple(kind for kind in types if kind is not NoneType)
    return Shape(known, literals, metadata, optional=NoneType in types)


def _parts(annotation: Any, metadata: Sequence[Any] = ()) -> Iterator[tuple[Any, Sequence[Any]]]:
    """The members of a union, each with the metadata of every layer around it."""
    if get_origin(annotation) is Annotated:
        inner, *own = get_args(annotation)
        yield from _parts(inner, [*own, *metadata])
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _parts(member, metadata)
    else:
        yield annotation, metadata


def _spread(metadata: Iterable[Any]) -> Iterator[Any]:
    for item in metadata:
        if isinstance(item, GroupedMetadata):
            yield from item
        elif isinstance(item, FieldInfo):
            yield from item.metadata
        else:
            yield item


def _field(name: str, info: FieldInfo) -> Field:
    shape = shape_of(info.rebuild_annotation())
    param = shape.last(Param) or Param(name.replace("_", " ").capitalize(), UNDESCRIBED)
    item = _item_of(shape)
    control = param.control or _control(name, shape, item)
    outer, inner = (shape, item) if item else (Shape((), (), (), False), shape)
    return Field(
        name=name,
        label=param.label,
        help=param.help,
        control=control,
        required=info.is_required(),
        default=None if info.is_required() else _default(info),
        options=_options(shape, param),
        minimum=inner.bound(Ge, "ge"),
        maximum=inner.bound(Le, "le"),
        step=_step(inner, control),
        whole=control is Control.NUMBER and int in inner.types,
        min_length=inner.bound(MinLen, "min_length"),
        max_length=inner.bound(MaxLen, "max_length"),
        min_items=outer.bound(MinLen, "min_length"),
        max_items=outer.bound(MaxLen, "max_length"),
        multiple=item is not None,
        accepts=inner.last(Accepts) or shape.last(Accepts),
        columns=fields_of(item.types[0]) if item and control is Control.ROWS else (),
        add=param.add,
        frames=param.frames,
        advanced=param.advanced,
        unit=param.unit,
        example=param.example,
        wire=param.wire or Wire(name),
    )


def _item_of(shape: Shape) -> Shape | None:
    """What a list holds; None when it is no list."""
    for kind in shape.types:
        if get_origin(kind) is list:
            return shape_of(get_args(kind)[0])
    return None


def _control(name: str, shape: Shape, item: Shape | None) -> Control:
    if item:
        kind = item.types[0] if item.types else None
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not Media:
            return Control.ROWS
        known = LIST_CONTROLS.get(kind)
    elif not shape.types or (shape.types == (bool,) and shape.optional):
        known = Control.CHOICE  # an optional switch has three states: on, off, not said
    else:
        known = PLAIN_CONTROLS.get(shape.types[0])
    if known is None:
        raise TypeError(f"no control for {name}: {shape.types}")
    return known


def _options(shape: Shape, param: Param) -> tuple[Option, ...]:
    values, words = shape.literals, param.words
    if shape.types == (bool,) and shape.optional:
        values, words = (True, False), {**ON_OFF, **param.words}
    return tuple(_option(value, words.get(value), param.unit) for value in values)


def _option(value: Any, words: tuple[str, str] | None, unit: str) -> Option:
    plain = f"{value} {unit}" if unit and not isinstance(value, str) else str(value)
    return Option(value, *(words or (plain, "")))


def _step(shape: Shape, control: Control) -> Any:
    if control is not Control.NUMBER:
        return None
    return shape.bound(MultipleOf, "multiple_of") or (1 if int in shape.types else None)


def _default(info: FieldInfo) -> object:
    default = info.get_default(call_default_factory=True)
    return None if default in ("", []) else default
