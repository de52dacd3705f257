"""What a table of a batch is made from: what is entered above it, and the rows that it makes.

A setting that a batch varies is one entry of VARIED_SETTINGS: its chips, its part of the request
and its place in the rows follow from that.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evolink_studio.catalog import SPECS
from evolink_studio.catalog.fields import Control
from evolink_studio.catalog.spec import FormEvaluation, Lifecycle, ModelSpec
from evolink_studio.catalog.text import strip_nul
from evolink_studio.credits.pricing import DURATION_FIELD
from evolink_studio.generations.forms.batch_sources import MAX_BATCH_ROWS, SourceRow
from evolink_studio.generations.forms.controls import translate_label
from evolink_studio.generations.params import FormData, list_refs, to_json

MAX_PICTURES = 40


@dataclass(frozen=True)
class BatchChoice:
    """A value to tick in a group of the form."""

    value: str
    label: str
    is_ticked: bool


@dataclass(frozen=True)
class ChoiceGroup:
    """Values of one setting to tick, `name` in the request."""

    name: str
    label: str
    choices: Sequence[BatchChoice]


@dataclass(frozen=True)
class VariedSetting:
    """A setting of which several values can be ticked, each for rows of its own.

    `field_name` is that of the models, `name` that in the request. `list_options`: (value, label)
    of what a model offers; `sort_key` puts the values of all models in order.
    """

    field_name: str
    name: str
    label: Promise
    list_options: Callable[[ModelSpec, str], Iterable[tuple[str, str]]]
    sort_key: Callable[[str], Any]

    def list_choices(self, ticked_values: Iterable[str]) -> list[BatchChoice]:
        """Every value that a model offers."""
        labels: dict[str, str] = {}
        for spec in SPECS.values():
            for value, label in self.list_options(spec, self.field_name):
                labels.setdefault(value, label)
        ticked = set(ticked_values)
        return [
            BatchChoice(value, labels[value], value in ticked)
            for value in sorted(labels, key=self.sort_key)
        ]


def _list_options(spec: ModelSpec, name: str) -> list[tuple[str, str]]:
    """Those of a field; [] without the field."""
    return [
        (str(option.value), translate_label(option.label))
        for param in spec.fields
        if param.name == name
        for option in param.options
    ]


def _list_lengths(spec: ModelSpec, name: str) -> list[tuple[str, str]]:
    """Every length in whole seconds, also the only one of a model that offers no choice."""
    lengths = {value for value, _label in _list_options(spec, name) if value.isdecimal()}
    if spec.fixed_seconds is not None:
        lengths = {str(spec.fixed_seconds)}
    for param in spec.fields:
        has_bounds = param.minimum is not None and param.maximum is not None
        if param.name == name and has_bounds:
            seconds = range(int(param.minimum or 0), int(param.maximum or 0) + 1)
            lengths |= {str(length) for length in seconds}
    return [(length, f"{length} s") for length in lengths]


VARIED_SETTINGS = (
    # Shapes before words.
    VariedSetting(
        *("aspect_ratio", "ratios", gettext_lazy("Ratios"), _list_options),
        sort_key=lambda value: ":" not in value,
    ),
    VariedSetting(DURATION_FIELD, "lengths", gettext_lazy("Lengths"), _list_lengths, sort_key=int),
    # 480p, 1080p, 4k: lines before thousands of columns.
    VariedSetting(
        *("quality", "qualities", gettext_lazy("Qualities"), _list_options),
        sort_key=lambda value: (not value.endswith("p"), len(value), value),
    ),
)


@dataclass(frozen=True)
class BatchComposition:
    """What a table is made from: every prompt with every picture, model and ticked setting.

    `settings`: the ticked values of VARIED_SETTINGS, by the field of the models.
    """

    prompts: str = ""
    model_ids: Sequence[str] = ()
    settings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    picture_refs: Sequence[str] = ()
    max_failures: str = ""
    title: str = ""

    @property
    def model_choices(self) -> list[BatchChoice]:
        """The models that are offered."""
        return [
            BatchChoice(spec.id, spec.label, spec.id in self.model_ids)
            for spec in SPECS.values()
            if spec.lifecycle is not Lifecycle.RETIRED
        ]

    @property
    def setting_groups(self) -> list[ChoiceGroup]:
        """Every setting that is varied, with what the models offer."""
        return [
            ChoiceGroup(
                setting.name,
                str(setting.label),
                setting.list_choices(self.settings.get(setting.field_name, ())),
            )
            for setting in VARIED_SETTINGS
        ]


def parse_composition(data: QueryDict) -> BatchComposition:
    """What was entered above the table. What no page offers is left out."""
    return BatchComposition(
        prompts=strip_nul(data.get("prompts", "")),
        model_ids=_select(data.getlist("models"), BatchComposition().model_choices),
        settings=_select_settings(
            {setting.field_name: data.getlist(setting.name) for setting in VARIED_SETTINGS}
        ),
        picture_refs=list(dict.fromkeys(data.getlist("picture")))[:MAX_PICTURES],
        max_failures=strip_nul(data.get("max_failures", ""))[:10],
        title=strip_nul(data.get("title", ""))[:120],
    )


def _select_settings(values: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """By field, those of the values that are offered."""
    return {
        setting.field_name: _select(values[setting.field_name], setting.list_choices(()))
        for setting in VARIED_SETTINGS
    }


def _select(values: Iterable[str], choices: Sequence[BatchChoice]) -> list[str]:
    wanted = set(values)
    return [choice.value for choice in choices if choice.value in wanted]


def parse_max_failures(text: str) -> int | None:
    """After how many failures the rest is cancelled; None for never. Raises ValueError."""
    if not text.strip():
        return None
    number = int(text) if text.strip().isdecimal() and len(text) < 5 else 0
    if not 1 <= number <= MAX_BATCH_ROWS:
        raise ValueError(text)
    return number


# --- From the form of one model ---------------------------------------------------------------


@dataclass(frozen=True)
class CarriedForm:
    """A composition that begins with the form of one model. `notes` say what is otherwise there."""

    composition: BatchComposition
    notes: Sequence[str] = ()


def compose_from_form(
    spec: ModelSpec, form_data: FormData, evaluation: FormEvaluation
) -> CarriedForm:
    """What the form shows, as far as a batch has a place for it.

    Its prompt becomes one line, and its picture one that films begin with: of several each would
    make a film of its own, so they are left out.
    """
    prompt_names = [param.name for param in spec.fields if param.control is Control.PROMPT]
    prompts = [str(form_data.values.get(name) or "") for name in prompt_names[:1]]
    lines = [line.strip() for line in "".join(prompts).splitlines() if line.strip()]
    shown = {name: [str(value)] for name, value in evaluation.values.items()}
    varied_names = {setting.field_name for setting in VARIED_SETTINGS}
    frame_name = next((param.name for param in spec.fields if param.is_frame), "")
    picture_refs = list_refs(to_json(form_data.values.get(frame_name)))
    carried_names = {*prompt_names, *varied_names, *evaluation.ignored_fields}
    if len(picture_refs) == 1:
        carried_names.add(frame_name)
    entered = {
        name: value
        for name, value in form_data.values.items()
        if value not in (None, "", []) and value != evaluation.defaults.get(name)
    }
    left_out = [
        translate_label(param.label)
        for param in spec.fields
        if param.name in entered.keys() - carried_names
    ]
    notes = []
    if len(lines) > 1:
        notes.append(_("The prompt stands on one line here: each line is a prompt of its own."))
    if left_out:
        notes.append(_("Not taken over: {names}.").format(names=", ".join(left_out)))
    composition = BatchComposition(
        prompts=" ".join(lines),
        model_ids=_select([spec.id], BatchComposition().model_choices),
        settings=_select_settings({name: shown.get(name, []) for name in varied_names}),
        picture_refs=picture_refs if len(picture_refs) == 1 else (),
    )
    return CarriedForm(composition, notes)


# --- Rows ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RowInput:
    """A row before it is checked. `settings` by field as they were entered; `picture` is the
    reference of a file, or "". `based_on_id` names the generation that all else is taken from."""

    prompt: str
    model_id: str
    settings: Mapping[str, str] = field(default_factory=dict)
    picture: str = ""
    is_ticked: bool = True
    based_on_id: int | None = None


class TooManyRows(Exception):
    """The table would have `count` rows."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


def compose_rows(composition: BatchComposition, sources: Sequence[SourceRow]) -> list[RowInput]:
    """Every row of the table. What a source says of itself is not varied. Raises TooManyRows."""
    sources = sources or ([SourceRow("")] if composition.picture_refs else [])
    variants = [_list_variants(composition, source) for source in sources]
    count = sum(len(rows) for rows in variants)
    if count > MAX_BATCH_ROWS:
        raise TooManyRows(count)
    return [row for rows in variants for row in rows]


def _list_variants(composition: BatchComposition, source: SourceRow) -> list[RowInput]:
    model_ids = [source.model_id] if source.model_id else composition.model_ids
    ticked = {
        name: values
        for name, values in composition.settings.items()
        if values and name not in source.settings
    }
    rows = []
    for picture, model_id, *values in product(
        composition.picture_refs or [""], model_ids, *ticked.values()
    ):
        settings = dict(zip(ticked, values, strict=True))
        rows.append(RowInput(source.prompt, model_id, {**settings, **source.settings}, picture))
    return rows
