"""One control of the form as the template draws it: every word and number ready."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.urls import reverse
from django.utils.translation import gettext

from evolink_studio.catalog.fields import Control as Kind
from evolink_studio.catalog.fields import Field
from evolink_studio.catalog.media import Media
from evolink_studio.catalog.messages import Problem, Sentence
from evolink_studio.catalog.rules import Block, Sizes
from evolink_studio.core.formatting import weight_text
from evolink_studio.generations.forms.rows import places_of
from evolink_studio.library.models import Asset


def say(sentence: Sentence) -> str:
    """A sentence of the catalogue in the person's language."""
    return sentence.render(gettext)


def words(msgid: str) -> str:
    """A label or help text of the catalogue in the person's language."""
    return gettext(msgid) if msgid else ""


@dataclass(frozen=True)
class Scene:
    """What a control must know of the rest of the form."""

    values: Mapping[str, object]
    defaults: Mapping[str, object]
    blocks: Sequence[Block]
    problems: Sequence[Problem]
    assets: Mapping[str, Asset] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    sizes: Mapping[str, Sizes] = field(default_factory=dict)

    def value(self, name: str) -> object:
        given = self.values.get(name)
        return self.defaults.get(name) if given in (None, "", []) else given

    def reason(self, name: str) -> str:
        return next(
            (say(b.sentence) for b in self.blocks if b.field == name and b.option is None), ""
        )

    def reasons(self, name: str) -> dict[str, str]:
        """Why options are disabled, by the option as text."""
        found = (b for b in self.blocks if b.field == name and b.option is not None)
        return {text(b.option): say(b.sentence) for b in found}

    def errors(self, name: str) -> tuple[str, ...]:
        """Sentences for the whole control: those of single files stand at their slots too."""
        return tuple(dict.fromkeys(say(p.sentence) for p in self.problems if p.field == name))


def text(value: object) -> str:
    """A value as the form sends it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def items(value: object) -> list[object]:
    """The files or rows of a control, one or many."""
    return value if isinstance(value, list) else [value] if value else []


@dataclass(frozen=True)
class Verdict:
    """Whether a file fits: `good`, or what is wrong."""

    good: bool
    text: str


@dataclass(frozen=True)
class Slot:
    """A chosen file with its facts and its verdict."""

    ref: str
    asset_id: int
    name: str
    url: str
    thumbnail: str
    size: str
    weight: str
    kind: str
    verdicts: tuple[Verdict, ...]
    fits: tuple[tuple[str, str], ...] = ()


def slots_of(param: Field, value: object, scene: Scene) -> tuple[Slot, ...]:
    if param.control != Kind.MEDIA:
        return ()
    return tuple(
        _slot(param, number, media, scene)
        for number, media in enumerate(items(value))
        if isinstance(media, Media) and media.ref in scene.assets
    )


def _slot(param: Field, number: int, media: Media, scene: Scene) -> Slot:
    asset = scene.assets[media.ref]
    # A single file has no place in a list: its problems carry none.
    wrong = [
        say(p.sentence)
        for p in scene.problems
        if p.field == param.name and p.item in ((number,) if param.multiple else (number, None))
    ]
    size = f"{asset.width} × {asset.height}" if asset.width else ""
    return Slot(
        ref=media.ref,
        asset_id=asset.pk,
        name=asset.name,
        url=reverse("asset", args=[asset.pk]),
        thumbnail=reverse("asset_poster", args=[asset.pk]),
        size=size,
        weight=weight_text(asset.bytes),
        kind=asset.kind,
        verdicts=tuple(Verdict(False, line) for line in dict.fromkeys(wrong))
        or (Verdict(True, gettext("Fits this model")),),
        fits=_fits(param, media, scene),
    )


def _fits(param: Field, media: Media, scene: Scene) -> tuple[tuple[str, str], ...]:
    """What the studio can do so that a picture fits: (words, wish) as `edit_asset` takes it."""
    accepts = param.accepts
    if media.kind != "image" or accepts is None:
        return ()
    if media.format not in accepts.formats and "jpeg" in accepts.formats:
        return ((gettext("Convert to JPEG"), "jpeg"),)
    sizes = scene.sizes.get(param.name, ())
    if not sizes or (media.width, media.height) in sizes:
        return ()
    return tuple(
        (gettext("Fit to {width} × {height}").format(width=w, height=h), f"{w}x{h}")
        for w, h in sizes
    )


@dataclass(frozen=True)
class Choice:
    """One chip. A disabled one says why in `reason`."""

    id: str
    value: str
    label: str
    help: str
    checked: bool
    reason: str = ""


@dataclass(frozen=True)
class Row:
    """One row of a list such as the shots: its own small controls."""

    number: int
    cells: tuple["Control", ...]


@dataclass(frozen=True)
class Control:
    """`kind` names the template; `value` is what was typed, else the default."""

    name: str
    id: str
    kind: str
    label: str
    help: str
    required: bool
    value: str
    errors: tuple[str, ...] = ()
    reason: str = ""
    choices: tuple[Choice, ...] = ()
    slots: tuple[Slot, ...] = ()
    rows: tuple[Row, ...] = ()
    room: bool = True
    multiple: bool = False
    minimum: str = ""
    maximum: str = ""
    step: str = ""
    max_length: int | None = None
    length: int = 0
    max_items: int | None = None
    unit: str = ""
    example: str = ""
    accept: str = ""
    accepts: str = ""
    total: str = ""
    add: str = ""
    advanced: bool = False

    @property
    def error_id(self) -> str:
        return f"{self.id}-error"

    @property
    def help_id(self) -> str:
        return f"{self.id}-help"


def control(param: Field, scene: Scene) -> Control:
    """Prepare one control."""
    value = scene.value(param.name)
    shown = "\n".join(map(str, value)) if isinstance(value, list) else text(value)
    return Control(
        name=param.name,
        id=f"field-{param.name}",
        kind=param.control.value,
        label=words(param.label),
        help=words(param.help),
        required=param.required or param.name in scene.required,
        value=shown if param.control not in (Kind.MEDIA, Kind.ROWS) else "",
        errors=scene.errors(param.name),
        reason=scene.reason(param.name),
        choices=_choices(param, text(value), scene.reasons(param.name)),
        slots=slots_of(param, value, scene),
        rows=_rows(param, value, scene),
        room=_room(param, value),
        multiple=param.multiple,
        minimum=text(param.minimum),
        maximum=text(param.maximum),
        step=text(param.step) if param.step is not None else "any",
        max_length=param.max_length,
        length=len(shown.replace("\r\n", "\n")),
        max_items=param.max_items if param.multiple else 1,
        unit=words(param.unit),
        example=words(param.example),
        accept=",".join(param.accepts.mime_types) if param.accepts else "",
        accepts=say(param.accepts.summary) if param.accepts else "",
        add=words(param.add) or gettext("Add a row"),
        total=_total(value, text(scene.value("duration"))),
        advanced=param.advanced,
    )


SWITCH = (("true", "On"), ("false", "Off"))


def _choices(param: Field, current: str, reasons: Mapping[str, str]) -> tuple[Choice, ...]:
    options = [(text(o.value), words(o.label), words(o.help)) for o in param.options]
    if param.control == Kind.SWITCH:
        options = [(value, gettext(label), "") for value, label in SWITCH]
        current = {"on": "true", "off": "false"}.get(current, current or "false")
    elif options and param.default is None and not param.required:
        options.insert(0, ("", gettext("Left open"), ""))
    return tuple(
        Choice(
            id=f"field-{param.name}-{number}",
            value=value,
            label=label,
            help=help_text,
            checked=value == current,
            reason=reasons.get(value, ""),
        )
        for number, (value, label, help_text) in enumerate(options)
    )


def _rows(param: Field, value: object, scene: Scene) -> tuple[Row, ...]:
    """A list that must have a row shows an empty one at once."""
    if param.control != Kind.ROWS:
        return ()
    needed = param.required or param.name in scene.required
    rows = [row for row in items(value) if isinstance(row, Mapping)] or ([{}] if needed else [])
    places = places_of(rows)
    return tuple(
        Row(
            number,
            tuple(
                _cell(param, column, number, places.get(number), row, scene)
                for column in param.columns
            ),
        )
        for number, row in enumerate(rows)
    )


def _cell(
    param: Field,
    column: Field,
    number: int,
    place: int | None,
    row: Mapping[str, object],
    scene: Scene,
) -> Control:
    name = f"{param.name}-{number}-{column.name}"
    found = tuple(
        say(p.sentence)
        for p in scene.problems
        if p.field == param.name and p.item == place is not None and p.column == column.name
    )
    own = Scene({column.name: row.get(column.name)}, {column.name: column.default}, (), ())
    plain = control(column, own)
    return Control(**{**vars(plain), "name": name, "id": f"field-{name}", "errors": found})


def _room(param: Field, value: object) -> bool:
    limit = param.max_items if param.multiple else 1
    return limit is None or len(items(value)) < limit


def _total(value: object, whole: str) -> str:
    """The seconds of all rows beside the whole duration, as "9 of 10 s"."""
    rows = [row for row in items(value) if isinstance(row, Mapping)]
    seconds = [str(row.get("duration", "")) for row in rows]
    if not rows:
        return ""
    total = sum(int(s) for s in seconds if s.isdecimal())
    return gettext("{sum} of {total} s").format(sum=total, total=whole)
