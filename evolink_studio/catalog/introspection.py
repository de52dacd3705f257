"""Reads the fields of a form from the types of a request class."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, GroupedMetadata, Le, MaxLen, MinLen, MultipleOf
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from evolink_studio.catalog.fields import Control, Field, JsonEncoding, Option, Param
from evolink_studio.catalog.media import MediaConstraints, MediaFile
from evolink_studio.catalog.messages import _

CONTROL_BY_TYPE: dict[Any, Control] = {
    int: Control.NUMBER,
    float: Control.NUMBER,
    str: Control.TEXT,
    bool: Control.SWITCH,
    MediaFile: Control.MEDIA,
}
CONTROL_BY_ITEM_TYPE: dict[Any, Control] = {MediaFile: Control.MEDIA, str: Control.TEXTS}
DEFAULT_HELP = _("A setting of this AI model. It is sent as you enter it.")
ON_OFF_TEXTS = {True: (_("On"), _("Switched on.")), False: (_("Off"), _("Switched off."))}


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """An annotation taken apart: its types without None, its literal values, its metadata."""

    types: tuple[Any, ...]
    literals: tuple[Any, ...]
    metadata: tuple[Any, ...]
    is_optional: bool

    def find_metadata(self, metadata_type: type[Any]) -> Any:
        """The last metadata of this type: the outermost one, which wins; None without any."""
        matches = [item for item in self.metadata if isinstance(item, metadata_type)]
        return matches[-1] if matches else None

    def get_bound(self, metadata_type: type[Any], name: str) -> Any:
        return getattr(self.find_metadata(metadata_type), name, None)


def build_fields(request_class: type[BaseModel]) -> tuple[Field, ...]:
    """The fields of a request class (or of a row), in the order they are written."""
    return tuple(_build_field(name, info) for name, info in request_class.model_fields.items())


def inspect_type(annotation: Any) -> TypeInfo:
    members = list(_flatten_union(annotation))
    types = tuple(member for member, _metadata in members if get_origin(member) is not Literal)
    literals = tuple(
        value
        for member, _metadata in members
        for value in get_args(member)
        if get_origin(member) is Literal
    )
    metadata = tuple(_flatten_metadata(item for _member, items in members for item in items))
    value_types = tuple(value_type for value_type in types if value_type is not NoneType)
    return TypeInfo(value_types, literals, metadata, is_optional=NoneType in types)


def _flatten_union(
    annotation: Any, metadata: Sequence[Any] = ()
) -> Iterator[tuple[Any, Sequence[Any]]]:
    """The members of a union, each with the metadata of every layer around it."""
    if get_origin(annotation) is Annotated:
        inner_type, *own_metadata = get_args(annotation)
        yield from _flatten_union(inner_type, [*own_metadata, *metadata])
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _flatten_union(member, metadata)
    else:
        yield annotation, metadata


def _flatten_metadata(metadata: Iterable[Any]) -> Iterator[Any]:
    for item in metadata:
        if isinstance(item, GroupedMetadata):
            yield from item
        elif isinstance(item, FieldInfo):
            yield from item.metadata
        else:
            yield item


def _build_field(name: str, info: FieldInfo) -> Field:
    type_info = inspect_type(info.rebuild_annotation())
    param = type_info.find_metadata(Param) or Param(
        name.replace("_", " ").capitalize(), DEFAULT_HELP
    )
    item_info = _inspect_list_item(type_info)
    control = param.control or _choose_control(name, type_info, item_info)
    list_info, value_info = (
        (type_info, item_info) if item_info else (TypeInfo((), (), (), False), type_info)
    )
    return Field(
        name=name,
        label=param.label,
        help=param.help,
        control=control,
        is_required=info.is_required(),
        default=None if info.is_required() else _get_default(info),
        options=_build_options(type_info, param),
        minimum=value_info.get_bound(Ge, "ge"),
        maximum=value_info.get_bound(Le, "le"),
        step=_get_step(value_info, control),
        is_integer=control is Control.NUMBER and int in value_info.types,
        min_length=value_info.get_bound(MinLen, "min_length"),
        max_length=value_info.get_bound(MaxLen, "max_length"),
        min_items=list_info.get_bound(MinLen, "min_length"),
        max_items=list_info.get_bound(MaxLen, "max_length"),
        is_multiple=item_info is not None,
        media_constraints=value_info.find_metadata(MediaConstraints)
        or type_info.find_metadata(MediaConstraints),
        columns=build_fields(item_info.types[0]) if item_info and control is Control.ROWS else (),
        add_label=param.add_label,
        is_frame=param.is_frame,
        is_advanced=param.is_advanced,
        unit=param.unit,
        example=param.example,
        encoding=param.encoding or JsonEncoding(name),
    )


def _inspect_list_item(type_info: TypeInfo) -> TypeInfo | None:
    """The item type of a list; None when it is no list."""
    for member_type in type_info.types:
        if get_origin(member_type) is list:
            return inspect_type(get_args(member_type)[0])
    return None


def _choose_control(name: str, type_info: TypeInfo, item_info: TypeInfo | None) -> Control:
    if item_info:
        item_type = item_info.types[0] if item_info.types else None
        if (
            isinstance(item_type, type)
            and issubclass(item_type, BaseModel)
            and item_type is not MediaFile
        ):
            return Control.ROWS
        control = CONTROL_BY_ITEM_TYPE.get(item_type)
    elif not type_info.types or (type_info.types == (bool,) and type_info.is_optional):
        control = Control.CHOICE  # an optional switch has three states: on, off, not set
    else:
        control = CONTROL_BY_TYPE.get(type_info.types[0])
    if control is None:
        raise TypeError(f"no control for {name}: {type_info.types}")
    return control


def _build_options(type_info: TypeInfo, param: Param) -> tuple[Option, ...]:
    values, texts = type_info.literals, param.option_texts
    if type_info.types == (bool,) and type_info.is_optional:
        values, texts = (True, False), {**ON_OFF_TEXTS, **param.option_texts}
    return tuple(_build_option(value, texts.get(value), param.unit) for value in values)


def _build_option(value: Any, texts: tuple[str, str] | None, unit: str) -> Option:
    default_label = f"{value} {unit}" if unit and not isinstance(value, str) else str(value)
    return Option(value, *(texts or (default_label, "")))


def _get_step(type_info: TypeInfo, control: Control) -> Any:
    if control is not Control.NUMBER:
        return None
    return type_info.get_bound(MultipleOf, "multiple_of") or (1 if int in type_info.types else None)


def _get_default(info: FieldInfo) -> object:
    default = info.get_default(call_default_factory=True)
    return None if default in ("", []) else default
