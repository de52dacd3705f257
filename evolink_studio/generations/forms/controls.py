"""Controls of the form as the template renders them: every text ready."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.urls import reverse
from django.utils.translation import gettext

from evolink_studio.catalog.fields import Control as Kind
from evolink_studio.catalog.fields import Field
from evolink_studio.catalog.media import MediaFile
from evolink_studio.catalog.messages import FieldError, Message
from evolink_studio.catalog.rules import DisabledOption, PixelSizes
from evolink_studio.core.formatting import format_size
from evolink_studio.generations.forms.rows import list_row_positions
from evolink_studio.library.models import Asset


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
        return tuple(
            dict.fromkeys(
                translate(error.message) for error in self.field_errors if error.field == name
            )
        )


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
    """Whether a file fits, and a text that says so or what is wrong."""

    is_ok: bool
    text: str


@dataclass(frozen=True)
class MediaItem:
    """A chosen file with its facts and checks. `suggested_edits`: (label, edit) pairs."""

    ref: str
    asset_id: int
    name: str
    url: str
    thumbnail_url: str
    dimensions: str
    file_size: str
    kind: str
    checks: tuple[MediaCheck, ...]
    suggested_edits: tuple[tuple[str, str], ...] = ()


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
    # The errors of a field with a single file have no index.
    errors = [
        translate(error.message)
        for error in context.field_errors
        if error.field == param.name
        and error.index in ((position,) if param.is_multiple else (position, None))
    ]
    return MediaItem(
        ref=media.ref,
        asset_id=asset.pk,
        name=asset.name,
        url=reverse("asset", args=[asset.pk]),
        thumbnail_url=reverse("asset_poster", args=[asset.pk]),
        dimensions=_describe_dimensions(asset),
        file_size=format_size(asset.size_bytes),
        kind=asset.kind,
        checks=tuple(MediaCheck(False, line) for line in dict.fromkeys(errors))
        or (MediaCheck(True, gettext("Fits this model")),),
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
    if media.format not in constraints.formats and "jpeg" in constraints.formats:
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
    """One control. `kind` selects its template; `value` is what was typed, else the default."""

    name: str
    id: str
    kind: str
    label: str
    help: str
    is_required: bool
    value: str
    errors: tuple[str, ...] = ()
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
    add_label: str = ""
    is_advanced: bool = False

    @property
    def error_id(self) -> str:
        return f"{self.id}-error"

    @property
    def help_id(self) -> str:
        return f"{self.id}-help"


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
        length=len(value_text.replace("\r\n", "\n")),
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
        options.insert(0, ("", gettext("Left open"), ""))
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
    errors = tuple(
        translate(error.message)
        for error in context.field_errors
        if error.field == param.name
        and error.index == position is not None
        and error.column == column.name
    )
    cell_context = FormContext(
        {column.name: row.get(column.name)}, {column.name: column.default}, (), ()
    )
    control = build_control(column, cell_context)
    return FormControl(**{**vars(control), "name": name, "id": f"field-{name}", "errors": errors})


def _has_room(param: Field, value: object) -> bool:
    limit = param.max_items if param.is_multiple else 1
    return limit is None or len(as_list(value)) < limit


def _total_seconds_text(value: object, duration: str) -> str:
    """The total seconds of all rows and the duration, as "9 of 10 s"; "" without rows."""
    rows = [row for row in as_list(value) if isinstance(row, Mapping)]
    seconds = [str(row.get("duration", "")) for row in rows]
    if not rows:
        return ""
    total = sum(int(text) for text in seconds if text.isdecimal())
    return gettext("{sum} of {total} s").format(sum=total, total=duration)
