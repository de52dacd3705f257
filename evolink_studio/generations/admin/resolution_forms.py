"""What the owner may decide about a generation: forms, what each would change, and doing it.

Nothing here sends anything. A decision is shown before it is made, and applies only to the row as
the page showed it. It is logged in the history of the generation with what was before and after,
and in the ledger with its reason.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import INPUT_CLASSES, UnfoldAdminTextInputWidget

from evolink_studio.accounts.models import User
from evolink_studio.core.formatting import format_credits
from evolink_studio.credits.fields import ZERO_CREDITS, CreditsFormField
from evolink_studio.credits.queries import LedgerAmounts, get_ledger_amounts
from evolink_studio.evolink.types import MAX_TASK_ID_LENGTH, is_task_id
from evolink_studio.generations import resolutions, transitions
from evolink_studio.generations.models import OPEN_CHARGES, Decision, Generation
from evolink_studio.generations.states import State


class ResolutionError(Exception):
    """Nothing was changed; the message is for the person."""


class ReasonForm(forms.Form):
    """A reason for the ledger. `version`: the `changed_version` of the row that the person saw."""

    note = forms.CharField(
        label=gettext_lazy("Reason"), max_length=300, widget=UnfoldAdminTextInputWidget
    )
    version = forms.IntegerField(
        min_value=0,
        max_value=2**63 - 1,
        widget=forms.HiddenInput,
        error_messages={
            "required": gettext_lazy("Look at its page again: this form does not say what it saw.")
        },
    )


def _validate_task_id(text: str) -> None:
    if not is_task_id(text):
        raise ValidationError(_("A task id has only letters, digits, hyphens and underscores."))


class TaskForm(forms.Form):
    """A task to be read before anything is decided."""

    task_id = forms.CharField(
        label=gettext_lazy("Task id at EvoLink"),
        max_length=MAX_TASK_ID_LENGTH,
        validators=[_validate_task_id],
        widget=UnfoldAdminTextInputWidget,
    )

    def clean_task_id(self) -> str:
        task_id: str = self.cleaned_data["task_id"]
        linked = Generation.objects.filter(task_id=task_id).first()
        if linked is not None:
            raise forms.ValidationError(
                _("A generation here has this task already: {name}.").format(name=linked)
            )
        return task_id


class ChargeForm(ReasonForm):
    """The credits that EvoLink charged, and the reason."""

    amount = CreditsFormField(
        label=gettext_lazy("Credits charged"),
        min_value=0,
        max_digits=16,
        decimal_places=4,
        widget=forms.NumberInput(attrs={"class": " ".join(INPUT_CLASSES), "step": "any"}),
    )


@dataclass(frozen=True)
class Change:
    """One line of what a decision changes."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class DecisionEffect:
    """How a generation stands after a decision: its state, and its credits in the ledger."""

    state: State
    reserved: Decimal
    charged: Decimal
    has_task: bool


CleanedData = Mapping[str, Any]


@dataclass(frozen=True)
class DecisionType:
    """A decision: when it is offered, what it makes of a generation, and how it is carried out.

    `confirmation` is for the history and the message, `warning` what to think of before it.
    `decide` raises `GenerationChangedError`, or returns False, when the row is no longer so.
    """

    title: str | Promise
    button: str | Promise
    advice: str | Promise
    is_offered: Callable[[Generation], bool]
    predict: Callable[[Generation, LedgerAmounts, CleanedData], DecisionEffect]
    decide: Callable[[Generation, CleanedData, User, datetime], object]
    confirmation: str | Promise
    form_class: type[ReasonForm] = ReasonForm


def _is_lost(generation: Generation) -> bool:
    return generation.state == State.UNKNOWN


def _is_correctable(generation: Generation) -> bool:
    return generation.state in transitions.CORRECTABLE_STATES


def _is_decided(generation: Generation) -> bool:
    return generation.state == State.FAILED and generation.error_code in resolutions.DECIDED_CODES


def _is_linked_by_hand(generation: Generation) -> bool:
    """Whether the task was found or named after its answer was lost, and can be unlinked now."""
    return (
        generation.state in resolutions.UNLINKABLE_STATES
        and generation.task_id is not None
        and Decision.objects.filter(
            generation=generation,
            kind=Decision.Kind.LINK,
            task_id=generation.task_id,
            closed_at=None,
        ).exists()
    )


def _needs_look(generation: Generation) -> bool:
    return Decision.objects.filter(generation=generation, needs_look=True).exists()


def _stay(generation: Generation, amounts: LedgerAmounts, data: CleanedData) -> DecisionEffect:
    state = State(generation.state)
    return DecisionEffect(state, amounts.reserved, amounts.charged, generation.task_id is not None)


def _fail_as_charged(
    generation: Generation, amounts: LedgerAmounts, data: CleanedData
) -> DecisionEffect:
    return DecisionEffect(State.FAILED, ZERO_CREDITS, data.get("amount") or ZERO_CREDITS, False)


def _correct(generation: Generation, amounts: LedgerAmounts, data: CleanedData) -> DecisionEffect:
    return DecisionEffect(
        State(generation.state), ZERO_CREDITS, data["amount"], generation.task_id is not None
    )


def _open_again(
    generation: Generation, amounts: LedgerAmounts, data: CleanedData
) -> DecisionEffect:
    return DecisionEffect(State.UNKNOWN, amounts.first_reserved, ZERO_CREDITS, False)


def _mark_not_charged(
    generation: Generation, data: CleanedData, actor: User, now: datetime
) -> bool:
    return resolutions.mark_not_charged(
        generation=generation, actor=actor, note=data["note"], now=now
    )


def _mark_charged(generation: Generation, data: CleanedData, actor: User, now: datetime) -> bool:
    return resolutions.mark_charged(
        generation=generation, amount=data["amount"], actor=actor, note=data["note"], now=now
    )


def _correct_charge(generation: Generation, data: CleanedData, actor: User, now: datetime) -> bool:
    amounts = get_ledger_amounts(generation.pk)
    if amounts is None:
        raise ResolutionError(
            _("It does not stand in the book of credits, so nothing was changed.")
        )
    is_settled = generation.charge not in OPEN_CHARGES and not amounts.reserved
    if is_settled and amounts.charged == data["amount"] == (generation.credits_charged or 0):
        raise ResolutionError(_("That is what the book says already, so nothing was changed."))
    return transitions.correct_charge(
        generation, credits_charged=data["amount"], actor=actor, note=data["note"], now=now
    )


def _unlink(generation: Generation, data: CleanedData, actor: User, now: datetime) -> None:
    resolutions.unlink_task(
        generation=generation,
        seen_version=data["version"],
        actor=actor,
        reason=data["note"],
        now=now,
    )


def _reopen(generation: Generation, data: CleanedData, actor: User, now: datetime) -> None:
    resolutions.reopen(
        generation=generation,
        seen_version=data["version"],
        actor=actor,
        reason=data["note"],
        now=now,
    )


def _keep(generation: Generation, data: CleanedData, actor: User, now: datetime) -> None:
    resolutions.keep_decision(generation=generation, seen_version=data["version"], now=now)


DECISION_TYPES: dict[str, DecisionType] = {
    "charged": DecisionType(
        title=gettext_lazy("EvoLink charged these credits, and there is no film"),
        button=gettext_lazy("Settle as charged"),
        advice=gettext_lazy(
            "It fails, and the credits are charged to the person. This can be taken back."
        ),
        is_offered=_is_lost,
        predict=_fail_as_charged,
        decide=_mark_charged,
        confirmation=gettext_lazy("Settled: EvoLink charged it, and there is no film."),
        form_class=ChargeForm,
    ),
    "never": DecisionType(
        title=gettext_lazy("EvoLink never took it"),
        button=gettext_lazy("Settle as not charged"),
        advice=gettext_lazy(
            "It fails, and its credits are free again. The person may send it once more, which "
            "would be paid twice if EvoLink took it after all: look into the task list of your "
            "EvoLink account first. The next balances, task lists and callbacks are held against "
            "this; what speaks against it becomes an incident. This can be taken back."
        ),
        is_offered=_is_lost,
        predict=_fail_as_charged,
        decide=_mark_not_charged,
        confirmation=gettext_lazy("Settled: EvoLink never took it, and nothing was charged."),
    ),
    "correct": DecisionType(
        title=gettext_lazy("Correct what it cost"),
        button=gettext_lazy("Correct"),
        advice=gettext_lazy(
            "When your EvoLink account says otherwise: it was charged nevertheless, or credits "
            "came back later. 0 means that all of them came back. The book gets one more line, "
            "with your name and the reason."
        ),
        is_offered=_is_correctable,
        predict=_correct,
        decide=_correct_charge,
        confirmation=gettext_lazy("Its cost was corrected."),
        form_class=ChargeForm,
    ),
    "unlink": DecisionType(
        title=gettext_lazy("This task is not its own"),
        button=gettext_lazy("Unlink the task"),
        advice=gettext_lazy(
            "What became of it is open again, and its credits are reserved as at the press. A film "
            "of the task leaves the person's library and is kept in yours until the task is linked "
            "where it belongs; what the person has downloaded already stays with them. The task "
            "stands in “money at risk” until then."
        ),
        is_offered=_is_linked_by_hand,
        predict=_open_again,
        decide=_unlink,
        confirmation=gettext_lazy("The task was unlinked; what became of it is open again."),
    ),
    "reopen": DecisionType(
        title=gettext_lazy("Take the decision back"),
        button=gettext_lazy("Take it back"),
        advice=gettext_lazy(
            "What became of it is open again, and its credits are reserved as at the press, also "
            "where the allowance has too few left by now."
        ),
        is_offered=_is_decided,
        predict=_open_again,
        decide=_reopen,
        confirmation=gettext_lazy("The decision was taken back; what became of it is open again."),
    ),
    "keep": DecisionType(
        title=gettext_lazy("It stays as it is"),
        button=gettext_lazy("Keep it so"),
        advice=gettext_lazy(
            "It leaves “money at risk”, and nothing else changes. For a task without a place: what "
            "EvoLink charged for it is written in nobody's book."
        ),
        is_offered=_needs_look,
        predict=_stay,
        decide=_keep,
        confirmation=gettext_lazy("Looked at, and kept as it is."),
    ),
}


@dataclass(frozen=True)
class DecisionForm:
    """A decision that may be made now, with its form."""

    name: str
    type: DecisionType
    form: ReasonForm


def build_decision_forms(generation: Generation) -> list[DecisionForm]:
    """The decisions that the owner may make about it now. Up to two queries."""
    return [
        DecisionForm(name, decision_type, _build_form(name, decision_type, generation))
        for name, decision_type in DECISION_TYPES.items()
        if decision_type.is_offered(generation)
    ]


def _build_form(name: str, decision_type: DecisionType, generation: Generation) -> ReasonForm:
    initial: dict[str, object] = {"version": generation.changed_version}
    if name == "charged":
        initial["amount"] = generation.credits_estimated
    return decision_type.form_class(auto_id=f"{name}_%s", initial=initial)


def find_decision(generation: Generation, data: Mapping[str, Any]) -> DecisionForm:
    """The decision that was chosen, with what was filled in. Raises ResolutionError."""
    name = str(data.get("decision"))
    decision_type = DECISION_TYPES.get(name)
    if decision_type is None:
        raise ResolutionError(_("Choose what became of it."))
    form = decision_type.form_class(data, auto_id=f"{name}_%s")
    if not form.is_valid():
        raise ResolutionError(
            " ".join(str(error) for messages in form.errors.values() for error in messages)
        )
    if form.cleaned_data["version"] != generation.changed_version or not decision_type.is_offered(
        generation
    ):
        raise ResolutionError(_changed_text())
    return DecisionForm(name, decision_type, form)


def preview_decision(generation: Generation, decision: DecisionForm) -> list[Change]:
    """What it would change: state, task, films, and credits in the ledger. Up to four queries."""
    amounts = get_ledger_amounts(generation.pk) or LedgerAmounts(*[ZERO_CREDITS] * 3)
    outcome = decision.type.predict(generation, amounts, decision.form.cleaned_data)
    lost_films = generation.task_id is not None and not outcome.has_task
    film_count = generation.results.count()
    changes = (
        Change(_("State"), str(generation.get_state_display()), str(outcome.state.label)),
        Change(
            _("Task"),
            generation.task_id or "–",
            (generation.task_id or "–") if outcome.has_task else "–",
        ),
        Change(
            _("Films in the library of {person}").format(person=generation.owner),
            str(film_count),
            "0" if lost_films else str(film_count),
        ),
        Change(_("Reserved"), _exact_credits(amounts.reserved), _exact_credits(outcome.reserved)),
        Change(_("Charged"), _exact_credits(amounts.charged), _exact_credits(outcome.charged)),
    )
    return [change for change in changes if change.before != change.after]


def carry_out(generation: Generation, decision: DecisionForm, actor: User, now: datetime) -> str:
    """Do it; returns the text for the history. Raises ResolutionError. Needs a transaction."""
    changes = preview_decision(generation, decision)
    data = decision.form.cleaned_data
    try:
        is_done = decision.type.decide(generation, data, actor, now)
    except resolutions.GenerationChangedError:
        raise ResolutionError(_changed_text()) from None
    if is_done is False:
        raise ResolutionError(_changed_text())
    return describe_changes(str(decision.type.confirmation), changes, data["note"])


def describe_changes(confirmation: str, changes: Iterable[Change], reason: str) -> str:
    """A sentence for the history: what was done, before → after of each change, and why."""
    parts = [f"{change.label}: {change.before} → {change.after}" for change in changes]
    reasons = [_("Reason: {reason}").format(reason=reason)] if reason else []
    return " ".join([confirmation, *(f"{part}." for part in parts), *reasons])


def _exact_credits(amount: Decimal) -> str:
    return format_credits(amount)


def _changed_text() -> str:
    return _("It has changed in the meantime, so nothing was changed. Look again.")
