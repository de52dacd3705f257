"""The page of a task that an admin named: what EvoLink says of it, and linking it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from evolink_studio.accounts.models import User
from evolink_studio.catalog import SPECS
from evolink_studio.core.formatting import format_approx_duration, format_credits
from evolink_studio.credits.allowances import get_applicable_allowances
from evolink_studio.credits.exceptions import NoAllowance
from evolink_studio.evolink.types import Task
from evolink_studio.generations import queries, resolutions
from evolink_studio.generations.admin.columns import AssetLinks, build_asset_links
from evolink_studio.generations.admin.filters import PersonSelect, list_model_choices
from evolink_studio.generations.admin.resolution_forms import (
    Change,
    ResolutionError,
    describe_changes,
)
from evolink_studio.generations.models import Decision, Generation, TaskLookup
from evolink_studio.generations.pipeline.polling import find_charged_credits
from evolink_studio.generations.resolutions import CONFIRMABLE_MISFITS, Misfit
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset

REFRESH_SECONDS = 2  # while the worker reads the task

MISFIT_TEXTS = {
    Misfit.OTHER_MODEL: gettext_lazy("It was made by another model."),
    Misfit.CREATED_BEFORE: gettext_lazy("It was created before the button was pressed."),
    Misfit.CREATED_LONG_AFTER: gettext_lazy("It was created long after this was sent."),
    Misfit.OTHER_PROMPT: gettext_lazy("It has another prompt."),
    Misfit.PROMPT_NOT_SAID: gettext_lazy(
        "EvoLink does not say its prompt: watch the film, and compare it with the prompt here."
    ),
    Misfit.TIME_NOT_SAID: gettext_lazy("EvoLink does not say when it was created."),
}


class LinkForm(forms.Form):
    """The last step before a task is linked."""

    note = forms.CharField(
        label=gettext_lazy("Reason"), max_length=300, widget=UnfoldAdminTextInputWidget
    )
    is_confirmed = forms.BooleanField(
        label=gettext_lazy("I have compared it: it is the task of this request all the same."),
        required=False,
    )


class ImportForm(forms.Form):
    """Whose library the film of a task goes to."""

    owner = forms.ModelChoiceField(
        User.objects.filter(is_active=True),
        label=gettext_lazy("Whose library it goes to"),
        widget=PersonSelect,
    )
    model = forms.ChoiceField(
        label=gettext_lazy("Model"), choices=list_model_choices, widget=UnfoldAdminSelectWidget
    )
    note = forms.CharField(
        label=gettext_lazy("Reason"), max_length=300, widget=UnfoldAdminTextInputWidget
    )

    def __init__(self, task: Task, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.task = task

    def clean_owner(self) -> User:
        owner: User = self.cleaned_data["owner"]
        if not get_applicable_allowances(owner):
            raise forms.ValidationError(
                _("This person has no allowance that its credits could be written to.")
            )
        return owner

    def clean_model(self) -> str:
        model_id: str = self.cleaned_data["model"]
        if self.task.model and not self.task.model.startswith(model_id):
            raise forms.ValidationError(
                _("EvoLink says that it was made by {model}.").format(model=self.task.model)
            )
        return model_id


@dataclass(frozen=True)
class TaskFact:
    """A line about a task; `here` is the same of the generation, "" where there is nothing."""

    label: str
    text: str
    here: str = ""


def parse_reply(lookup: TaskLookup) -> Task | None:
    """The task as EvoLink showed it; None if it did not."""
    return Task.model_validate(lookup.reply) if lookup.reply else None


def build_lookup_context(lookup: TaskLookup, data: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the page shows: the answer, whether it fits, and the form to go on."""
    task, generation = parse_reply(lookup), lookup.generation
    if task is None:
        return {
            "lookup": lookup,
            "is_waiting": lookup.answered_at is None,
            "is_worker_alive": _is_worker_alive(),
        }
    linked = Generation.objects.filter(task_id=task.id).first()
    misfits = resolutions.find_misfits(generation, task) if generation else ()
    is_open = generation is None or generation.state == State.UNKNOWN
    is_refused = linked is not None or not is_open or not CONFIRMABLE_MISFITS.issuperset(misfits)
    return {
        "lookup": lookup,
        "task": task,
        "facts": _list_facts(task, generation),
        "films": task.results,
        "kept_films": _list_kept_films(task.id),
        "misfits": [MISFIT_TEXTS[misfit] for misfit in misfits],
        "linked": linked,
        "is_open": is_open,
        "form": None if is_refused else _build_form(task, generation, misfits, data),
    }


def _build_form(
    task: Task,
    generation: Generation | None,
    misfits: tuple[Misfit, ...],
    data: Mapping[str, Any] | None,
) -> forms.Form:
    if generation is None:
        return ImportForm(task, data, initial={"model": _find_model_id(task)})
    form = LinkForm(data)
    if misfits:
        form.fields["is_confirmed"].required = True
    else:
        del form.fields["is_confirmed"]
    return form


def apply_lookup(lookup: TaskLookup, form: forms.Form, actor: User, now: datetime) -> str:
    """Link or import the task; returns the text for the history. Raises ResolutionError.

    `lookup.generation` is set afterwards. Call it only after `is_valid()`, in a transaction.
    """
    task, data = parse_reply(lookup), form.cleaned_data
    assert task is not None
    try:
        if lookup.generation is None:
            lookup.generation = resolutions.import_task(
                owner=data["owner"],
                model_id=data["model"],
                task=task,
                actor=actor,
                note=data["note"],
                now=now,
            )
            return describe_changes(_("Film of a task brought in."), _changes(task), data["note"])
        generation = lookup.generation
        resolutions.link_task(
            generation=generation,
            task=task,
            is_confirmed=data.get("is_confirmed", False),
            actor=actor,
            reason=data["note"],
            now=now,
        )
    except resolutions.TaskAlreadyLinkedError:
        raise ResolutionError(
            _("A generation here has this task by now, so nothing was changed.")
        ) from None
    except resolutions.TaskMisfitError as error:
        raise ResolutionError(
            " ".join(str(MISFIT_TEXTS[misfit]) for misfit in error.misfits)
        ) from None
    except resolutions.GenerationChangedError:
        raise ResolutionError(
            _("It has changed in the meantime, so nothing was changed. Look again.")
        ) from None
    except NoAllowance:
        raise ResolutionError(
            _("This person has no allowance that its credits could be written to.")
        ) from None
    state_change = Change(
        _("State"),
        str(State.UNKNOWN.label),
        str(Generation.objects.get(pk=generation.pk).get_state_display()),
    )
    return describe_changes(_("Task linked."), [*_changes(task), state_change], data["note"])


def _changes(task: Task) -> list[Change]:
    return [Change(_("Task"), "–", task.id)]


def _list_facts(task: Task, generation: Generation | None) -> list[TaskFact]:
    charged = find_charged_credits(task)
    return [
        TaskFact(_("Model"), task.model or _("not said"), _here(generation, "model")),
        TaskFact(
            _("Prompt"),
            task.prompt or _("not said by EvoLink"),
            generation.prompt if generation else "",
        ),
        TaskFact(
            _("Created"),
            _format_moment(task.created) if task.created else _("not said"),
            _press_text(generation, task.created),
        ),
        TaskFact(_("State"), task.status or _("not said"), _here(generation, "state")),
        TaskFact(
            _("Reserved"),
            format_credits(task.usage.credits_reserved),
            _here(generation, "estimate"),
        ),
        TaskFact(_("Charged"), format_credits(charged)),
        *([TaskFact(_("Error"), f"{task.error.code} {task.error.message}")] if task.error else []),
    ]


def _here(generation: Generation | None, what: str) -> str:
    if generation is None:
        return ""
    return {
        "model": generation.model_id,
        "state": str(generation.get_state_display()),
        "estimate": _("{n} estimated").format(n=format_credits(generation.credits_estimated)),
    }[what]


def _press_text(generation: Generation | None, created: datetime | None) -> str:
    """When the button was pressed, and how far from it the task was created."""
    if generation is None:
        return ""
    text = _("pressed {moment}").format(moment=_format_moment(generation.created_at))
    if created is None:
        return text
    distance = created - generation.created_at
    duration = format_approx_duration(int(abs(distance).total_seconds()))
    if distance < timedelta(0):
        return _("{pressed}, {duration} after the task").format(pressed=text, duration=duration)
    return _("{pressed}, {duration} before the task").format(pressed=text, duration=duration)


def _format_moment(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "Y-m-d H:i:s")


def _find_model_id(task: Task) -> str:
    """The longest model id that EvoLink's name of the model begins with; "" without."""
    return max((name for name in SPECS if task.model.startswith(name)), key=len, default="")


def _list_kept_films(task_id: str) -> list[AssetLinks]:
    decisions = Decision.objects.filter(task_id=task_id, kind=Decision.Kind.UNLINK, needs_look=True)
    films = Asset.objects.filter(pk__in=decisions.values("films")).order_by("pk")
    return [build_asset_links(film) for film in films]


def _is_worker_alive() -> bool:
    heartbeat = queries.get_newest_heartbeat()
    return heartbeat is not None and heartbeat.is_alive(timezone.now())
