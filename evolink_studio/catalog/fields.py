"""How a parameter of a request class is shown and sent.

`Param` is what a request class adds to the type of a parameter; `Field` combines type and
`Param`, and is all that a form reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from evolink_studio.catalog.media import MediaConstraints, MediaKind


class Control(StrEnum):
    """The kind of form control."""

    PROMPT = "prompt"
    TEXT = "text"
    CHOICE = "choice"
    NUMBER = "number"
    SWITCH = "switch"
    MEDIA = "media"
    ROWS = "rows"
    TEXTS = "texts"


@dataclass(frozen=True, slots=True)
class JsonEncoding:
    """Where and how a value is written in the JSON body.

    `path` "a.b" nests; "a[].b" makes every item of a list an object {b: item}.
    `omitted_value` is the value that is not sent (an empty value never is).
    `extra_values` is sent beside it, by path, whenever the value itself is sent.
    `index_key` is the key under which every row gets its position, from 1.
    `key_value_columns` turns rows into one object: (column of the keys, column of the values).
    `as_text` sends a number as a string.
    """

    path: str
    omitted_value: object = None
    extra_values: Mapping[str, object] = field(default_factory=dict)
    index_key: str = ""
    key_value_columns: tuple[str, str] | None = None
    as_text: bool = False


@dataclass(frozen=True, slots=True, eq=False)  # hashed by identity: unions hash their members
class Param:
    """Metadata in the `Annotated[...]` of a request class: texts, and what a type cannot express.

    `option_texts` gives values their (label, help), `add_label` names the button for one more row.
    `control` is derived from the type unless given.
    `is_frame`: its pictures are frames of the video. Over all such fields, in order, the first
    picture is where the video starts and the second where it ends.
    """

    label: str
    help: str
    control: Control | None = None
    is_advanced: bool = False
    unit: str = ""
    example: str = ""
    add_label: str = ""
    is_frame: bool = False
    option_texts: Mapping[Any, tuple[str, str]] = field(default_factory=dict)
    encoding: JsonEncoding | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """One value to choose; its label carries the unit."""

    value: str | int | float | bool
    label: str
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One parameter, ready for a form. Texts are msgids.

    `default` is None when there is none, and for an empty text or list.
    `minimum`, `maximum`, `step` and `is_integer` belong to a number (its `options` are words it
    also takes, like "auto"); `max_length` to a text, or to each text of a list, in code points;
    `min_items`, `max_items` to a field that `is_multiple`; `columns` to rows; `is_frame` to
    pictures (see `Param`).
    """

    name: str
    label: str
    help: str
    control: Control
    is_required: bool = False
    default: object = None
    options: tuple[Option, ...] = ()
    minimum: int | float | None = None
    maximum: int | float | None = None
    step: int | float | None = None
    is_integer: bool = False
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    is_multiple: bool = False
    media_constraints: MediaConstraints | None = None
    columns: tuple["Field", ...] = ()
    add_label: str = ""
    is_frame: bool = False
    is_advanced: bool = False
    unit: str = ""
    example: str = ""
    encoding: JsonEncoding

    @property
    def media_kind(self) -> MediaKind:
        """Kind of the files that a media field takes; without constraints, pictures."""
        return self.media_constraints.kind if self.media_constraints else "image"
