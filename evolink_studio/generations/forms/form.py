"""One AI model's form: what was entered, what is wrong with it, what may be chosen now."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from evolink_studio.catalog.conversion import Dropped
from evolink_studio.catalog.fields import Control as Kind
from evolink_studio.catalog.messages import Problem
from evolink_studio.catalog.spec import Checked, Spec
from evolink_studio.generations.forms.controls import Control, Scene, control, say, text, words
from evolink_studio.generations.forms.rows import filled_in
from evolink_studio.generations.params import Entered
from evolink_studio.generations.presenters.quotes import Receipt

# Said while a person is still choosing; what is merely not filled in yet is said at the press.
SHOWN_EARLY = frozenset({Kind.MEDIA, Kind.ROWS, Kind.TEXTS, Kind.NUMBER})
SWAP = "frames:swap"


@dataclass(frozen=True)
class GenerationForm:
    """Everything the template of the form needs, in the person's language.

    `swap` names the control under which first and last frame can change places; "" without both.
    """

    model_id: str
    label: str
    summary: str
    notice: str
    action: str
    refresh: str
    key: uuid.UUID
    main: tuple[Control, ...]
    advanced: tuple[Control, ...]
    receipt: Receipt
    notes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    undo_url: str = ""
    afresh_url: str = ""
    defaults: str = "{}"
    swap: str = ""

    @property
    def advanced_open(self) -> bool:
        """Unfolded when something in it needs a look."""
        return any(control.errors for control in self.advanced)

    @property
    def has_errors(self) -> bool:
        return bool(self.errors) or any(c.errors for c in (*self.main, *self.advanced))


def form_for(
    spec: Spec,
    entered: Entered,
    *,
    receipt: Receipt,
    key: uuid.UUID | None = None,
    problems: Sequence[Problem] | None = None,
    notes: Sequence[str] = (),
    errors: Sequence[str] = (),
    undo_url: str = "",
    drafted: bool = False,
) -> GenerationForm:
    """Prepare the form. Without `problems` (nothing was pressed yet) only early ones are shown."""
    shown = early_problems(spec, entered) if problems is None else problems
    scene = Scene(
        values=entered.values,
        defaults=spec.defaults(entered.values),
        blocks=spec.blocked(entered.values),
        problems=[*entered.problems, *shown],
        assets=entered.assets,
        required=spec.required(entered.values),
        sizes=spec.wanted(entered.values),
    )
    controls = [control(field, scene) for field in spec.fields]
    ends = _ends(spec)
    return GenerationForm(
        model_id=spec.id,
        label=words(spec.label),
        summary=words(spec.summary),
        notice=say(spec.notice) if spec.notice else "",
        action=reverse("create", args=[spec.id]),
        refresh=reverse("refresh", args=[spec.id]),
        key=key or uuid.uuid4(),
        main=tuple(c for c in controls if not c.advanced),
        advanced=tuple(c for c in controls if c.advanced),
        receipt=receipt,
        notes=tuple(notes),
        errors=tuple(errors),
        undo_url=undo_url,
        afresh_url=f"{reverse('create', args=[spec.id])}?afresh" if drafted else "",
        defaults=json.dumps({name: text(value) for name, value in scene.defaults.items()}),
        swap=ends[-1] if ends and all(entered.values.get(end) for end in ends) else "",
    )


def swap_frames(spec: Spec, values: dict[str, object], pressed: str) -> None:
    """Let the first and the last frame change places, if just that was pressed."""
    if pressed == SWAP:
        ends = _ends(spec)
        given = [values.get(end) for end in reversed(ends)]
        values.update(zip(ends, given, strict=True))


def _ends(spec: Spec) -> list[str]:
    """The fields of single frames, where there are several."""
    ends = [field.name for field in spec.fields if field.frames and not field.multiple]
    return ends if len(ends) > 1 else []


def forget_defaults(entered: Entered, shown: str) -> None:
    """Take out what nobody chose: values that are just the defaults the page showed (`shown`).

    A default that depends on another field then follows it, as the ratio follows a picture.
    """
    try:
        defaults = json.loads(shown)
    except (ValueError, RecursionError):
        return
    if isinstance(defaults, dict):
        for name, value in defaults.items():
            if entered.values.get(name) == value:
                del entered.values[name]


def early_problems(spec: Spec, entered: Entered) -> list[Problem]:
    """What can be said before the press: about files and numbers that are there and do not fit."""
    return [
        problem
        for problem in spec.check(entered.values).problems
        if spec.field(problem.field).control in SHOWN_EARLY
        and filled_in(problem, entered.values.get(problem.field))
    ]


def all_problems(checked: Checked, entered: Entered) -> list[Problem]:
    """Problems at the press. A file that was not taken is not also called missing."""
    untaken = {problem.field for problem in entered.problems}
    return [p for p in checked.problems if p.field not in untaken]


def chosen(spec: Spec, entered: Entered) -> dict[str, object]:
    """The values as they would be sent, for the price: what was entered over the defaults."""
    given = {k: v for k, v in entered.values.items() if v not in (None, "", [])}
    return {**spec.defaults(entered.values), **given}


def carry(entered: Entered, old: Spec, new: Spec) -> tuple[Entered, list[str]]:
    """Values for another model, and what a person should hear of them: what moved, what is lost.

    A prompt comes along whole, even one too long for the new model: its words are the person's.
    """
    carried = old.carry(entered.values, new)
    values: dict[str, object] = dict(carried.kept)
    texts = {field.name for field in new.fields if field.control is Kind.PROMPT}
    values.update({name: entered.values[name] for name in texts & entered.values.keys()})
    lost = [_lost(item) for item in carried.dropped if item.field not in texts]
    moved = [words(label) for label in carried.moved]
    said = [
        _("Your pictures are now here: {list}.").format(list=", ".join(moved)) if moved else "",
        _("Not offered by this model: {list}.").format(list="; ".join(lost)) if lost else "",
    ]
    line = " ".join(sentence for sentence in said if sentence)
    return Entered(values, entered.assets), [line] if line else []


def _lost(dropped: Dropped) -> str:
    label = words(dropped.label)
    if isinstance(dropped.old, list) or hasattr(dropped.old, "ref"):
        return label
    if dropped.new is None:
        return f"{label} {text(dropped.old)}"
    return _("{label} {old}, now {new}").format(
        label=label, old=text(dropped.old), new=text(dropped.new)
    )
