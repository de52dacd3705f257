"""Forms of the owner to resolve or correct the charge of a generation, and to import a task.

Nothing here sends anything. Each decision is logged in the history of the generation, and in the
ledger with its reason.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import INPUT_CLASSES, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from evolink_studio.accounts.models import User
from evolink_studio.core.formatting import format_credits
from evolink_studio.credits.allowances import get_applicable_allowances
from evolink_studio.credits.fields import CreditsFormField
from evolink_studio.credits.queries import get_ledger_amount
from evolink_studio.evolink.types import MAX_TASK_ID_LENGTH, is_task_id
from evolink_studio.generations import resolutions, transitions
from evolink_studio.generations.admin.filters import list_model_choices
from evolink_studio.generations.models import OPEN_CHARGES, Generation
from evolink_studio.generations.states import State


class ResolutionError(Exception):
    """Nothing was changed; the message is for the person."""


class ReasonForm(forms.Form):
    """A reason for the ledger."""

    note = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=300,
        required=False,
        widget=UnfoldAdminTextInputWidget,
    )


def _validate_task_id(text: str) -> None:
    if not is_task_id(text):
        raise ValidationError(_("A task id has only letters, digits, hyphens and underscores."))


class TaskForm(forms.Form):
    task_id = forms.CharField(
        label=gettext_lazy("Task id at EvoLink"),
        max_length=MAX_TASK_ID_LENGTH,
        validators=[_validate_task_id],
        widget=UnfoldAdminTextInputWidget,
    )


class ChargeForm(ReasonForm):
    amount = CreditsFormField(
        label=gettext_lazy("Credits charged"),
        min_value=0,
        max_digits=16,
        decimal_places=4,
        widget=forms.NumberInput(attrs={"class": " ".join(INPUT_CLASSES), "step": "any"}),
    )


class CorrectionForm(ChargeForm):
    """The correct charge. `version`: the `changed_version` of the row that the person saw."""

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["note"].required = True


class ImportTaskForm(TaskForm):
    """A task of our account that no generation here has."""

    owner = forms.ModelChoiceField(
        User.objects.filter(is_active=True).order_by("username"),
        label=gettext_lazy("Whose library it goes to"),
        widget=UnfoldAdminSelectWidget,
    )
    model = forms.ChoiceField(
        label=gettext_lazy("Model"), choices=list_model_choices, widget=UnfoldAdminSelectWidget
    )
    field_order = ("task_id", "owner", "model")

    def clean_task_id(self) -> str:
        task_id: str = self.cleaned_data["task_id"]
        lost_rows = Generation.objects.filter(state=State.UNKNOWN, candidate_task_id=task_id)
        if lost_rows.exists() or Generation.objects.filter(task_id=task_id).exists():
            raise forms.ValidationError(_("A generation here has this task already."))
        return task_id

    def clean_owner(self) -> User:
        owner: User = self.cleaned_data["owner"]
        if not get_applicable_allowances(owner):
            raise forms.ValidationError(
                _("This person has no allowance that its credits could be written to.")
            )
        return owner

    def import_task(self, actor: User, now: datetime) -> Generation:
        """Import the task; call it only after `is_valid()`. Raises as `resolutions.import_task`."""
        cleaned_data = self.cleaned_data
        return resolutions.import_task(
            owner=cleaned_data["owner"],
            model_id=cleaned_data["model"],
            task_id=cleaned_data["task_id"],
            actor=actor,
            note=_("Brought in: task {task}").format(task=cleaned_data["task_id"]),
            now=now,
        )


def build_decision_forms(generation: Generation) -> dict[str, object]:
    """The forms for what the owner may decide about it now, by template variable."""
    if generation.state == State.UNKNOWN:
        return {
            "can_resolve": True,
            "task_form": TaskForm(),
            "not_charged_form": ReasonForm(auto_id="never_%s"),
            "charged_form": ChargeForm(
                auto_id="charged_%s", initial={"amount": generation.credits_estimated}
            ),
        }
    if generation.state in transitions.CORRECTABLE_STATES:
        initial = {"version": generation.changed_version}
        return {"correction_form": CorrectionForm(auto_id="correct_%s", initial=initial)}
    return {}


PostData = Mapping[str, Any]


def resolve_generation(generation: Generation, data: PostData, actor: User, now: datetime) -> str:
    """Carry out one decision; returns a confirmation. Raises ResolutionError."""
    handler = _HANDLERS.get(str(data.get("decision")))
    if handler is None:
        raise ResolutionError(_("Choose what became of it."))
    return handler(generation, data, actor, now)


def _link_task(generation: Generation, data: PostData, actor: User, now: datetime) -> str:
    task_id = _cleaned_data(TaskForm(data))["task_id"]
    try:
        is_done = resolutions.propose_task(generation=generation, task_id=task_id, now=now)
    except resolutions.TaskAlreadyLinkedError:
        raise ResolutionError(_("A generation here has this task already.")) from None
    return _confirm(
        is_done,
        _("The worker asks EvoLink about task {task} and links it if it fits.").format(
            task=task_id
        ),
    )


def _resolve_not_charged(generation: Generation, data: PostData, actor: User, now: datetime) -> str:
    note = _cleaned_data(ReasonForm(data))["note"]
    is_done = resolutions.mark_not_charged(
        generation=generation, actor=actor, note=note or _("EvoLink never took it."), now=now
    )
    return _confirm(is_done, _("Settled: EvoLink never took it, and nothing was charged."))


def _resolve_charged(generation: Generation, data: PostData, actor: User, now: datetime) -> str:
    cleaned_data = _cleaned_data(ChargeForm(data))
    is_done = resolutions.mark_charged(
        generation=generation,
        amount=cleaned_data["amount"],
        actor=actor,
        note=cleaned_data["note"] or _("EvoLink charged it, and there is no film."),
        now=now,
    )
    return _confirm(
        is_done,
        _("Settled: {n} credits were charged, and there is no film.").format(
            n=format_credits(cleaned_data["amount"])
        ),
    )


def _correct_charge(generation: Generation, data: PostData, actor: User, now: datetime) -> str:
    cleaned_data = _cleaned_data(CorrectionForm(data))
    credits_charged, note = cleaned_data["amount"], cleaned_data["note"]
    previous_credits = get_ledger_amount(generation.pk)
    if previous_credits is None:
        raise ResolutionError(
            _("It does not stand in the book of credits, so nothing was changed.")
        )
    was_open = generation.charge in OPEN_CHARGES
    if previous_credits == credits_charged == (generation.credits_charged or 0) and not was_open:
        raise ResolutionError(_("That is what the book says already, so nothing was changed."))
    generation.changed_version = cleaned_data["version"]
    is_done = transitions.correct_charge(
        generation, credits_charged=credits_charged, actor=actor, note=note, now=now
    )
    if not is_done:
        raise ResolutionError(
            _("It has changed in the meantime, so nothing was changed. Look again.")
        )
    text = (
        _("Settled at {after} credits; {before} were reserved: {note}")
        if was_open
        else _("Corrected from {before} to {after} credits: {note}")
    )
    return text.format(
        before=format_credits(previous_credits), after=format_credits(credits_charged), note=note
    )


def _cleaned_data(form: forms.Form) -> dict[str, Any]:
    if not form.is_valid():
        raise ResolutionError(
            " ".join(str(error) for messages in form.errors.values() for error in messages)
        )
    return form.cleaned_data


def _confirm(is_done: bool, text: str) -> str:
    if not is_done:
        raise ResolutionError(_("Its answer came in the meantime, so nothing was changed."))
    return text


_HANDLERS: dict[str, Callable[[Generation, PostData, User, datetime], str]] = {
    "task": _link_task,
    "never": _resolve_not_charged,
    "charged": _resolve_charged,
    "correct": _correct_charge,
}
