"""One AI model's form: what was entered, what is wrong with it, what may be chosen now."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from itertools import groupby

from django.urls import reverse
from django.utils.translation import gettext as _

from evolink_studio.catalog.conversion import DroppedValue, convert_values
from evolink_studio.catalog.fields import Control as Kind
from evolink_studio.catalog.messages import FieldError
from evolink_studio.catalog.spec import FormEvaluation, ModelSpec
from evolink_studio.generations.forms.cast import find_cast_lines, find_cast_notices
from evolink_studio.generations.forms.controls import (
    FormContext,
    FormControl,
    build_control,
    to_form_value,
    translate,
    translate_label,
)
from evolink_studio.generations.forms.project_choice import ProjectChoice
from evolink_studio.generations.forms.resting import (
    describe_resting,
    drop_stand_ins,
    dump_resting,
    wake_resting,
)
from evolink_studio.generations.forms.rows import find_offered_total, is_filled_in
from evolink_studio.generations.params import FormData
from evolink_studio.generations.presenters.quotes import PriceQuote

SWAP_FRAMES_ACTION = "frames:swap"


@dataclass(frozen=True)
class ControlGroup:
    """Controls that stand in one row: pictures that follow each other, else a single control."""

    is_media: bool
    controls: tuple[FormControl, ...]


@dataclass(frozen=True)
class GenerationForm:
    """Everything the template of the form needs, in the person's language.

    `swap_control`: the control with the button that swaps first and last frame; "" without both.
    `page_keys`: of this page, and of the draft that it was opened from.
    `references`: by kind the fields whose values a prompt may name, as of the model spec.
    """

    model_id: str
    notice: str
    action: str
    refresh_url: str
    form_key: uuid.UUID
    main_controls: tuple[FormControl, ...]
    advanced_controls: tuple[FormControl, ...]
    quote: PriceQuote
    notes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    undo_url: str = ""
    start_over_url: str = ""
    defaults_json: str = "{}"
    resting_json: str = ""
    resting_text: str = ""
    page_keys: tuple[uuid.UUID, ...] = ()
    swap_control: str = ""
    project: ProjectChoice | None = None
    references: Mapping[str, Sequence[str]] = dataclass_field(default_factory=dict)

    @property
    def main_groups(self) -> list[ControlGroup]:
        """The main controls, with those for files that follow each other together."""
        groups = []
        for is_media, controls in groupby(
            self.main_controls, lambda control: control.kind == Kind.MEDIA
        ):
            if is_media:
                groups.append(ControlGroup(is_media=True, controls=tuple(controls)))
            else:
                groups.extend(ControlGroup(is_media=False, controls=(c,)) for c in controls)
        return groups

    @property
    def is_advanced_open(self) -> bool:
        """Whether the advanced part is open: when a control in it has an error or a notice."""
        return any(control.errors or control.notices for control in self.advanced_controls)

    @property
    def has_errors(self) -> bool:
        has_project_error = self.project is not None and bool(self.project.error)
        return (
            bool(self.errors)
            or has_project_error
            or any(control.errors for control in (*self.main_controls, *self.advanced_controls))
        )

    @property
    def noticed_controls(self) -> list[FormControl]:
        """The controls with something that is worth a look before paying."""
        return [
            control for control in (*self.main_controls, *self.advanced_controls) if control.notices
        ]


def build_form(
    spec: ModelSpec,
    form_data: FormData,
    evaluation: FormEvaluation,
    *,
    quote: PriceQuote,
    form_key: uuid.UUID | None = None,
    field_errors: Sequence[FieldError] | None = None,
    notes: Sequence[str] = (),
    errors: Sequence[str] = (),
    undo_url: str = "",
    start_over_url: str = "",
    page_keys: Sequence[uuid.UUID] = (),
    project: ProjectChoice | None = None,
) -> GenerationForm:
    """Prepare the form. `field_errors=None` (not submitted yet) shows only `find_live_errors`."""
    if field_errors is None:
        field_errors = find_live_errors(form_data, evaluation)
    context = FormContext(
        values=form_data.values,
        defaults=evaluation.defaults,
        disabled_options=evaluation.disabled_options,
        field_errors=[*form_data.field_errors, *field_errors],
        field_notices=[
            *form_data.notices,
            *find_cast_notices(spec, form_data),
            *spec.find_notices(evaluation),
        ],
        cast_lines=find_cast_lines(spec, form_data),
        assets=form_data.assets,
        required_fields=evaluation.required_fields,
        required_sizes=evaluation.required_sizes,
    )
    controls = [
        replace(
            build_control(field, context), total_offer=_offer_total(spec, evaluation, field.name)
        )
        for field in spec.fields
    ]
    frame_fields = _frame_fields(spec)
    return GenerationForm(
        model_id=spec.id,
        notice=translate(spec.notice) if spec.notice else "",
        action=reverse("create", args=[spec.id]),
        refresh_url=reverse("refresh", args=[spec.id]),
        form_key=form_key or uuid.uuid4(),
        main_controls=tuple(control for control in controls if not control.is_advanced),
        advanced_controls=tuple(control for control in controls if control.is_advanced),
        quote=quote,
        notes=tuple(notes),
        errors=tuple(errors),
        undo_url=undo_url,
        start_over_url=start_over_url,
        defaults_json=json.dumps(
            {
                name: to_form_value(value)
                for name, value in evaluation.defaults.items()
                if form_data.values.get(name) in (None, "", [])
            }
        ),
        resting_json=dump_resting(form_data.resting),
        resting_text=describe_resting(form_data.resting),
        page_keys=tuple(page_keys),
        project=project,
        references=spec.references,
        swap_control=frame_fields[-1]
        if frame_fields and all(form_data.values.get(name) for name in frame_fields)
        else "",
    )


def _offer_total(spec: ModelSpec, evaluation: FormEvaluation, name: str) -> str:
    """The words of the button that sets the length to what the rows add up to; "" without one."""
    total = find_offered_total(spec, evaluation, name)
    return "" if total is None else _("Set the length to {sum} s").format(sum=total)


def swap_frames(spec: ModelSpec, values: dict[str, object], command: str) -> None:
    """Swap first and last frame in `values` if `command` is SWAP_FRAMES_ACTION."""
    if command == SWAP_FRAMES_ACTION:
        frame_fields = _frame_fields(spec)
        swapped_values = [values.get(name) for name in reversed(frame_fields)]
        values.update(zip(frame_fields, swapped_values, strict=True))


def _frame_fields(spec: ModelSpec) -> list[str]:
    """The names of single-frame fields; [] if there are fewer than two."""
    names = [field.name for field in spec.fields if field.is_frame and not field.is_multiple]
    return names if len(names) > 1 else []


def find_live_errors(form_data: FormData, evaluation: FormEvaluation) -> list[FieldError]:
    """Errors to show before submitting: of what was entered, not of what is missing."""
    return [
        error
        for error in evaluation.errors
        if is_filled_in(error, form_data.values.get(error.field))
    ]


def find_submit_errors(form_data: FormData, evaluation: FormEvaluation) -> list[FieldError]:
    """Errors to show on submit. A field whose file was refused is not also reported as missing."""
    rejected_fields = {error.field for error in form_data.field_errors}
    return [error for error in evaluation.errors if error.field not in rejected_fields]


def convert_form_data(
    form_data: FormData, old_spec: ModelSpec, new_spec: ModelSpec, owner_id: int
) -> tuple[FormData, list[str]]:
    """Form data for another model, and notes for the person: what moved, what was dropped.

    A prompt is kept whole, even one too long for the new model. What is dropped rests until a model
    takes it, and what rested comes back.
    """
    form_data = drop_stand_ins(form_data, old_spec)
    conversion = convert_values(old_spec, form_data.values, new_spec)
    prompt_names = {field.name for field in new_spec.fields if field.control is Kind.PROMPT}
    prompts = {name: form_data.values[name] for name in prompt_names & form_data.values.keys()}
    conversion = replace(
        conversion,
        values={**conversion.values, **prompts},
        dropped_values=tuple(
            item for item in conversion.dropped_values if item.field not in prompt_names
        ),
    )
    dropped_texts = [_dropped_text(item) for item in conversion.dropped_values]
    moved_labels = [translate_label(label) for label in conversion.moved_labels]
    sentences = [
        _("Your pictures are now here: {list}.").format(list=", ".join(moved_labels))
        if moved_labels
        else "",
        _("Not offered by this model: {list}.").format(list="; ".join(dropped_texts))
        if dropped_texts
        else "",
    ]
    note = " ".join(sentence for sentence in sentences if sentence)
    new_data = wake_resting(form_data, old_spec, new_spec, conversion, owner_id)
    new_data.project = form_data.project
    return new_data, [note] if note else []


def _dropped_text(dropped_value: DroppedValue) -> str:
    label = translate_label(dropped_value.label)
    if isinstance(dropped_value.old_value, list) or hasattr(dropped_value.old_value, "ref"):
        return label
    if dropped_value.new_value is None:
        return f"{label} {to_form_value(dropped_value.old_value)}"
    return _("{label} {old}, now {new}").format(
        label=label,
        old=to_form_value(dropped_value.old_value),
        new=to_form_value(dropped_value.new_value),
    )
