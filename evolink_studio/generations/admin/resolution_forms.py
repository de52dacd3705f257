"""Where the owner says what a generation cost in truth, and brings in the film of a task.

Nothing here sends anything. Each decision stands in the history of the generation, and in the book
of credits with its reason.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import INPUT_CLASSES, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from evolink_studio.accounts.models import User
from evolink_studio.core.formatting import credits_text
from evolink_studio.credits.allowances import applying
from evolink_studio.credits.fields import AmountInput
from evolink_studio.credits.queries import booked
from evolink_studio.generations import resolutions, transitions
from evolink_studio.generations.admin.filters import model_choices
from evolink_studio.generations.models import OPEN, Generation
from evolink_studio.generations.states import State


class NotSettled(Exception):
    """Why nothing was changed, in words for the person."""


class ReasonForm(forms.Form):
    """Why it is so; the book keeps it."""

    note = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=300,
        required=False,
        widget=UnfoldAdminTextInputWidget,
    )


class TaskForm(forms.Form):
    task_id = forms.CharField(
        label=gettext_lazy("Task id at EvoLink"),
        max_length=128,
        validators=[
            RegexValidator(
                r"^[A-Za-z0-9_-]+\Z",
                gettext_lazy("A task id has only letters, digits, hyphens and underscores."),
            )
        ],
        widget=UnfoldAdminTextInputWidget,
    )


class ChargedForm(ReasonForm):
    amount = AmountInput(
        label=gettext_lazy("Credits charged"),
        min_value=0,
        max_digits=16,
        decimal_places=4,
        widget=forms.NumberInput(attrs={"class": " ".join(INPUT_CLASSES), "step": "any"}),
    )


class CorrectionForm(ChargedForm):
    """What it cost in truth. `version` is that of the row that the person saw."""

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["note"].required = True


class RescueForm(TaskForm):
    """A film of our account that no generation here has."""

    owner = forms.ModelChoiceField(
        User.objects.filter(is_active=True).order_by("username"),
        label=gettext_lazy("Whose library it goes to"),
        widget=UnfoldAdminSelectWidget,
    )
    model = forms.ChoiceField(
        label=gettext_lazy("Model"), choices=model_choices, widget=UnfoldAdminSelectWidget
    )
    field_order = ("task_id", "owner", "model")

    def clean_task_id(self) -> str:
        task_id: str = self.cleaned_data["task_id"]
        waiting = Generation.objects.filter(state=State.UNKNOWN, candidate=task_id)
        if waiting.exists() or Generation.objects.filter(task_id=task_id).exists():
            raise forms.ValidationError(_("A generation here has this task already."))
        return task_id

    def clean_owner(self) -> User:
        owner: User = self.cleaned_data["owner"]
        if not applying(owner):
            raise forms.ValidationError(
                _("This person has no allowance that its credits could be written to.")
            )
        return owner

    def rescue(self, by: User, now: datetime) -> Generation:
        """The generation that waits for the film; only after `is_valid()`."""
        given = self.cleaned_data
        return resolutions.rescue(
            owner=given["owner"],
            model_id=given["model"],
            task_id=given["task_id"],
            by=by,
            note=_("Brought in: task {task}").format(task=given["task_id"]),
            now=now,
        )


def forms_for(generation: Generation) -> dict[str, object]:
    """What the owner may decide about it now, for the template."""
    if generation.state == State.UNKNOWN:
        return {
            "can_settle": True,
            "task_form": TaskForm(),
            "never_form": ReasonForm(auto_id="never_%s"),
            "charged_form": ChargedForm(
                auto_id="charged_%s", initial={"amount": generation.estimated}
            ),
        }
    if generation.state in transitions.CORRECTABLE:
        given = {"version": generation.version}
        return {"correction_form": CorrectionForm(auto_id="correct_%s", initial=given)}
    return {}


Given = Mapping[str, Any]


def settle(generation: Generation, given: Given, by: User, now: datetime) -> str:
    """Carry out one decision and say what was done. Raises NotSettled."""
    decide = _DECISIONS.get(str(given.get("decision")))
    if decide is None:
        raise NotSettled(_("Choose what became of it."))
    return decide(generation, given, by, now)


def _became_task(generation: Generation, given: Given, by: User, now: datetime) -> str:
    task_id = _entered(TaskForm(given))["task_id"]
    try:
        done = resolutions.propose_task(generation=generation, task_id=task_id, now=now)
    except resolutions.AlreadyLinked:
        raise NotSettled(_("A generation here has this task already.")) from None
    return _said(
        done,
        _("The worker asks EvoLink about task {task} and links it if it fits.").format(
            task=task_id
        ),
    )


def _never_taken(generation: Generation, given: Given, by: User, now: datetime) -> str:
    note = _entered(ReasonForm(given))["note"]
    done = resolutions.mark_not_charged(
        generation=generation, by=by, note=note or _("EvoLink never took it."), now=now
    )
    return _said(done, _("Settled: EvoLink never took it, and nothing was charged."))


def _charged(generation: Generation, given: Given, by: User, now: datetime) -> str:
    entered = _entered(ChargedForm(given))
    done = resolutions.mark_charged(
        generation=generation,
        amount=entered["amount"],
        by=by,
        note=entered["note"] or _("EvoLink charged it, and there is no film."),
        now=now,
    )
    return _said(
        done,
        _("Settled: {n} credits were charged, and there is no film.").format(
            n=credits_text(entered["amount"])
        ),
    )


def _corrected(generation: Generation, given: Given, by: User, now: datetime) -> str:
    entered = _entered(CorrectionForm(given))
    charged, note = entered["amount"], entered["note"]
    before = booked(generation.pk)
    if before is None:
        raise NotSettled(_("It does not stand in the book of credits, so nothing was changed."))
    was_open = generation.charge in OPEN
    if before == charged == (generation.used or 0) and not was_open:
        raise NotSettled(_("That is what the book says already, so nothing was changed."))
    generation.version = entered["version"]
    done = transitions.correct(generation, charged=charged, by=by, note=note, now=now)
    if not done:
        raise NotSettled(_("It has changed in the meantime, so nothing was changed. Look again."))
    words = (
        _("Settled at {after} credits; {before} were reserved: {note}")
        if was_open
        else _("Corrected from {before} to {after} credits: {note}")
    )
    return words.format(before=credits_text(before), after=credits_text(charged), note=note)


def _entered(form: forms.Form) -> dict[str, Any]:
    if not form.is_valid():
        raise NotSettled(" ".join(str(error) for found in form.errors.values() for error in found))
    return form.cleaned_data


def _said(done: bool, words: str) -> str:
    if not done:
        raise NotSettled(_("Its answer came in the meantime, so nothing was changed."))
    return words


_DECISIONS: dict[str, Callable[[Generation, Given, User, datetime], str]] = {
    "task": _became_task,
    "never": _never_taken,
    "charged": _charged,
    "correct": _corrected,
}
