"""Controls of the form as the template renders them: every text ready."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from django.urls import reverse
from django.utils.translation import gettext

from evolink_studio.catalog.fields import Control as Kind
from evolink_studio.catalog.fields import Field
from evolink_studio.catalog.media import MediaFile
from evolink_studio.catalog.messages import FieldError, FieldNotice, Message
from evolink_studio.catalog.rules import DisabledOption, PixelSizes
from evolink_studio.catalog.text import normalize_text
from evolink_studio.core.formatting import format_size
from evolink_studio.generations.forms.rows import list_row_positions, sum_column
from evolink_studio.library.models import Asset
from evolink_studio.library.poster_urls import build_poster_urls


def translate(message: Message) -> str:
    """A sentence of the catalogue in the person's language."""
    return message.render(gettext)


def translate_label(msgid: str) -> str:
    """A label or help text of the catalogue in the person's language."""
    return gettext(msgid) if msgid else ""


@dataclass(frozen=True)
class FormContext:
    """What a control needs of the rest of the form."""

    values: Mapping[str, object]
    defaults: Mapping[str, object]
    disabled_options: Sequence[DisabledOption]
    field_errors: Sequence[FieldError]
    field_notices: Sequence[FieldNotice] = ()
    cast_lines: Sequence[FieldNotice] = ()
    assets: Mapping[str, Asset] = field(default_factory=dict)
    required_fields: frozenset[str] = frozenset()
    required_sizes: Mapping[str, PixelSizes] = field(default_factory=dict)

    def get_value(self, name: str) -> object:
        value = self.values.get(name)
        return self.defaults.get(name) if value in (None, "", []) else value

    def get_disabled_reason(self, name: str) -> str:
        return next(
            (
                translate(disabled.message)
                for disabled in self.disabled_options
                if disabled.field == name and disabled.option is None
            ),
            "",
        )

    def get_option_reasons(self, name: str) -> dict[str, str]:
        """Why options are disabled, by form value."""
        return {
            to_form_value(disabled.option): translate(disabled.message)
            for disabled in self.disabled_options
            if disabled.field == name and disabled.option is not None
        }

    def get_errors(self, name: str) -> tuple[str, ...]:
        """Error texts of the whole control, including those of single files and cells."""
        return translate_distinct(error for error in self.field_errors if error.field == name)

    def get_notices(self, name: str) -> tuple[str, ...]:
        """Texts of what is worth a look, those of single files and cells included."""
        return translate_distinct(notice for notice in self.field_notices if notice.field == name)


def translate_distinct(items: Iterable[FieldError | FieldNotice]) -> tuple[str, ...]:
    """The texts of errors or notices, each once."""
    return tuple(dict.fromkeys(translate(item.message) for item in items))


def to_form_value(value: object) -> str:
    """A value as the text that the form sends."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def as_list(value: object) -> list[object]:
    """The files or rows of a control as a list."""
    return value if isinstance(value, list) else [value] if value else []


@dataclass(frozen=True)
class MediaCheck:
    """Whether a file fits, perhaps fits or does not, and a text that says so."""

    verdict: Literal["good", "warn", "bad"]
    text: str


@dataclass(frozen=True)
class MediaItem:
    """A chosen file with its facts and checks; `number` is its place in the control, from 1.

    `suggested_edits`: (label, edit) pairs.
    """

    ref: str
    asset_id: int
    name: str
    url: str
    thumbnail_url: str
    dimensions: str
    file_size: str
    kind: str
    checks: tuple[MediaCheck, ...]
    number: int
    suggested_edits: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """The number of the file as a text."""
        return str(self.asset_id)

    @property
    def verdict(self) -> str:
        """good, warn or bad."""
        return self.checks[0].verdict


def build_media_items(param: Field, value: object, context: FormContext) -> tuple[MediaItem, ...]:
    if param.control != Kind.MEDIA:
        return ()
    return tuple(
        _build_media_item(param, number, media, context)
        for number, media in enumerate(as_list(value))
        if isinstance(media, MediaFile) and media.ref in context.assets
    )


def _build_media_item(
    param: Field, position: int, media: MediaFile, context: FormContext
) -> MediaItem:
    asset = context.assets[media.ref]
    # The errors and notices of a field with a single file have no index.
    indexes = (position,) if param.is_multiple else (position, None)

    def select(items: Sequence[FieldError] | Sequence[FieldNotice]) -> tuple[str, ...]:
        return translate_distinct(
            item for item in items if item.field == param.name and item.index in indexes
        )

    return MediaItem(
        ref=media.ref,
        asset_id=asset.pk,
        name=asset.name,
        url=reverse("asset", args=[asset.pk]),
        thumbnail_url=build_poster_urls(asset).small,
        dimensions=_describe_dimensions(asset),
        file_size=format_size(asset.size_bytes),
        kind=asset.kind,
        checks=tuple(MediaCheck("bad", text) for text in select(context.field_errors))
        or tuple(MediaCheck("warn", text) for text in select(context.field_notices))
        or (MediaCheck("good", gettext("Fits this model")),),
        number=position + 1,
        suggested_edits=_suggest_edits(param, media, context),
    )


def _describe_dimensions(asset: Asset) -> str:
    """ "" for a sound; says so when the picture was scaled down on arrival."""
    if not asset.width:
        return ""
    if not asset.source_width:
        return f"{asset.width} × {asset.height}"
    return gettext("{size}, scaled down from {source_size}").format(
        size=f"{asset.width} × {asset.height}",
        source_size=f"{asset.source_width} × {asset.source_height}",
    )


def _suggest_edits(
    param: Field, media: MediaFile, context: FormContext
) -> tuple[tuple[str, str], ...]:
    """Edits that would make a picture fit, as (label, edit for `edit_asset`)."""
    constraints = param.media_constraints
    if media.kind != "image" or constraints is None:
        return ()
    formats = constraints.recommended_formats or constraints.formats
    if media.format not in formats and "jpeg" in formats:
        return ((gettext("Convert to JPEG"), "jpeg"),)
    sizes = context.required_sizes.get(param.name, ())
    if not sizes or (media.width, media.height) in sizes:
        return ()
    return tuple(
        (
            gettext("Fit to {width} × {height}").format(width=width, height=height),
            f"{width}x{height}",
        )
        for width, height in sizes
    )


@dataclass(frozen=True)
class FormChoice:
    """One option of a control; "" as `disabled_reason` means that it is enabled."""

    id: str
    value: str
    label: str
    help: str
    is_checked: bool
    disabled_reason: str = ""


@dataclass(frozen=True)
class ControlRow:
    """One row of a list such as the shots: a control per column."""

    number: int
    cells: tuple["FormControl", ...]


@dataclass(frozen=True)
class FormControl:
    """One control. `kind` selects its template; `value` is what was typed, else the default.

    `total_offer` names the length that the rows add up to; "" unless it can be taken over.
    `cast_lines`: which picture each name of the cast in it stands for.
    """

    name: str
    id: str
    kind: str
    label: str
    help: str
    is_required: bool
    value: str
    errors: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    cast_lines: tuple[str, ...] = ()
    disabled_reason: str = ""
    choices: tuple[FormChoice, ...] = ()
    media_items: tuple[MediaItem, ...] = ()
    rows: tuple[ControlRow, ...] = ()
    has_room: bool = True
    is_multiple: bool = False
    minimum: str = ""
    maximum: str = ""
    step: str = ""
    max_length: int | None = None
    length: int = 0
    max_items: int | None = None
    unit: str = ""
    example: str = ""
    media_kind: str = ""
    accept: str = ""
    accept_summary: str = ""
    total_text: str = ""
    total_offer: str = ""
    add_label: str = ""
    is_advanced: bool = False

    @property
    def error_id(self) -> str:
        return f"{self.id}-error"

    @property
    def notice_id(self) -> str:
        return f"{self.id}-notice"

    @property
    def is_too_long(self) -> bool:
        """Whether a text is longer than `max_length`."""
        return self.max_length is not None and self.length > self.max_length

    @property
    def help_id(self) -> str:
        return f"{self.id}-help"

    @property
    def is_unused(self) -> bool:
        """Whether it is a list that does not count now and holds nothing."""
        return bool(self.disabled_reason) and self.kind == Kind.ROWS and not self.rows

    @property
    def explained_choices(self) -> list["FormChoice"]:
        """The options that have a help text."""
        return [choice for choice in self.choices if choice.help]

    @property
    def checked_choice(self) -> "FormChoice | None":
        """The option that is chosen; None without one."""
        return next((choice for choice in self.choices if choice.is_checked), None)

    @property
    def troubled_items(self) -> list[MediaItem]:
        """Files that do not fit, or perhaps not."""
        return [item for item in self.media_items if item.checks[0].verdict != "good"]


def build_control(param: Field, context: FormContext) -> FormControl:
    """Prepare one control."""
    value = context.get_value(param.name)
    value_text = "\n".join(map(str, value)) if isinstance(value, list) else to_form_value(value)
    return FormControl(
        name=param.name,
        id=f"field-{param.name}",
        kind=param.control.value,
        label=translate_label(param.label),
        help=translate_label(param.help),
        is_required=param.is_required or param.name in context.required_fields,
        value=value_text if param.control not in (Kind.MEDIA, Kind.ROWS) else "",
        errors=context.get_errors(param.name),
        notices=context.get_notices(param.name),
        cast_lines=translate_distinct(
            line for line in context.cast_lines if line.field == param.name
        ),
        disabled_reason=context.get_disabled_reason(param.name),
        choices=_build_choices(param, to_form_value(value), context.get_option_reasons(param.name)),
        media_items=build_media_items(param, value, context),
        rows=_build_rows(param, value, context),
        has_room=_has_room(param, value),
        is_multiple=param.is_multiple,
        minimum=to_form_value(param.minimum),
        maximum=to_form_value(param.maximum),
        step=to_form_value(param.step) if param.step is not None else "any",
        max_length=param.max_length,
        length=len(normalize_text(value_text)),
        max_items=param.max_items if param.is_multiple else 1,
        unit=translate_label(param.unit),
        example=translate_label(param.example),
        media_kind=param.media_kind,
        accept=",".join(param.media_constraints.accept) if param.media_constraints else "",
        accept_summary=translate(param.media_constraints.summary)
        if param.media_constraints
        else "",
        add_label=translate_label(param.add_label) or gettext("Add a row"),
        total_text=_total_seconds_text(value, to_form_value(context.get_value("duration"))),
        is_advanced=param.is_advanced,
    )


SWITCH_OPTIONS = (("true", "On"), ("false", "Off"))


def _build_choices(
    param: Field, current: str, disabled_reasons: Mapping[str, str]
) -> tuple[FormChoice, ...]:
    options = [
        (to_form_value(option.value), translate_label(option.label), translate_label(option.help))
        for option in param.options
    ]
    if param.control == Kind.SWITCH:
        options = [(value, gettext(label), "") for value, label in SWITCH_OPTIONS]
        current = {"on": "true", "off": "false"}.get(current, current or "false")
    elif options and param.default is None and not param.is_required:
        options.insert(0, ("", gettext("Automatic"), ""))
    return tuple(
        FormChoice(
            id=f"field-{param.name}-{number}",
            value=value,
            label=label,
            help=help_text,
            is_checked=value == current,
            disabled_reason=disabled_reasons.get(value, ""),
        )
        for number, (value, label, help_text) in enumerate(options)
    )


def _build_rows(param: Field, value: object, context: FormContext) -> tuple[ControlRow, ...]:
    """The rows of a list control; a required list without rows shows an empty one."""
    if param.control != Kind.ROWS:
        return ()
    is_required = param.is_required or param.name in context.required_fields
    rows = [row for row in as_list(value) if isinstance(row, Mapping)] or (
        [{}] if is_required else []
    )
    positions = list_row_positions(rows)
    return tuple(
        ControlRow(
            number,
            tuple(
                _build_cell(param, column, number, positions.get(number), row, context)
                for column in param.columns
            ),
        )
        for number, row in enumerate(rows)
    )


def _build_cell(
    param: Field,
    column: Field,
    number: int,
    position: int | None,
    row: Mapping[str, object],
    context: FormContext,
) -> FormControl:
    name = f"{param.name}-{number}-{column.name}"

    def select(items: Sequence[FieldError] | Sequence[FieldNotice]) -> tuple[str, ...]:
        return translate_distinct(
            item
            for item in items
            if item.field == param.name
            and item.index == position is not None
            and item.column == column.name
        )

    cell_context = FormContext(
        {column.name: row.get(column.name)}, {column.name: column.default}, (), ()
    )
    control = build_control(column, cell_context)
    own_values = {
        "name": name,
        "id": f"field-{name}",
        "errors": select(context.field_errors),
        "notices": select(context.field_notices),
    }
    return FormControl(**{**vars(control), **own_values})


def _has_room(param: Field, value: object) -> bool:
    limit = param.max_items if param.is_multiple else 1
    return limit is None or len(as_list(value)) < limit


def _total_seconds_text(value: object, duration: str) -> str:
    """The total seconds of all rows and the duration, as "9 of 10 s"; "" without rows."""
    rows = [row for row in as_list(value) if isinstance(row, Mapping)]
    if not rows:
        return ""
    total = sum_column(rows, "duration")
    return gettext("{sum} of {total} s").format(sum=total, total=duration)
