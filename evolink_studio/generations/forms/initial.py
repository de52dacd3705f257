"""Initial data of a form: a draft, an earlier generation, a preset, an example, or nothing."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from evolink_studio.accounts.models import User
from evolink_studio.catalog import SPECS
from evolink_studio.catalog.fields import Control
from evolink_studio.catalog.messages import FieldError, Message
from evolink_studio.catalog.spec import ModelSpec
from evolink_studio.core.database import parse_id
from evolink_studio.core.json_field import get_member
from evolink_studio.generations import queries
from evolink_studio.generations.forms.form import convert_form_data
from evolink_studio.generations.forms.project_choice import (
    PROJECT_NAME,
    dump_project,
    load_project,
)
from evolink_studio.generations.forms.putting import put_pictures
from evolink_studio.generations.forms.resting import RESTING_NAME, dump_resting, parse_resting
from evolink_studio.generations.models import Draft, Generation
from evolink_studio.generations.params import (
    FormData,
    ProjectEntry,
    has_missing_files,
    load_form_data,
)
from evolink_studio.generations.presenters.failure_text import (
    NEW_CHARGE_NOTICE,
    build_failure_text,
    field_from_error,
)
from evolink_studio.generations.presenters.model_picker import EXAMPLES
from evolink_studio.generations.states import State
from evolink_studio.prompts.models import Preset
from evolink_studio.prompts.presets.queries import find_usable_preset
from evolink_studio.prompts.prompt_templates.placeholders import (
    MAX_FILL_LENGTH,
    MAX_PLACEHOLDERS,
    fill_placeholders,
    find_placeholders,
)
from evolink_studio.prompts.prompt_templates.queries import find_usable_template

# What stands for the placeholders of a template, in their order.
FILL_PARAMS = tuple(f"fill{number}" for number in range(MAX_PLACEHOLDERS))
INITIAL_QUERY_PARAMS = frozenset(
    {
        *("from", "recipe", "afresh", "draft", "unsent", "put"),
        *("preset", "prompt_of", "template", *FILL_PARAMS),
    }
)


@dataclass(frozen=True)
class InitialData:
    """What a form shows first. `field_errors`: those that EvoLink named.

    `draft_key`: the page key of the draft that this page goes on with, or begins in place of.
    `start_over_url` and `undo_url` belong to the notes; "" without.
    """

    form_data: FormData
    field_errors: Sequence[FieldError] = ()
    notes: Sequence[str] = field(default_factory=tuple)
    draft_key: uuid.UUID | None = None
    start_over_url: str = ""
    undo_url: str = ""


def build_initial_data(user: User, spec: ModelSpec, query: Mapping[str, str]) -> InitialData:
    """From `?from=<pk>`, `?preset=<pk>`, `?recipe=<example>`, `?afresh=<draft>` (empty), from a
    prompt alone (`?prompt_of=<generation>`, `?template=<pk>` with FILL_PARAMS), else a draft: that
    of `?draft=<page key>`, or the newest. `?put=<slot>:<asset pk>` then puts pictures in.

    Raises Http404 for a generation that is not this person's. A preset or template that is gone
    leaves the draft, with a note. The project is that of the draft or the generation, else that
    of the last press.
    """
    initial = _build_initial_data(user, spec, query)
    if query.get("put"):
        form_data, notes = put_pictures(spec, initial.form_data, query["put"], user.pk)
        initial = replace(initial, form_data=form_data, notes=[*initial.notes, *notes])
    is_draft = initial.draft_key is not None and "afresh" not in query
    if not is_draft and initial.form_data.project.project_id is None:
        initial.form_data.project = ProjectEntry(is_remembered=True)
    return initial


def _build_initial_data(user: User, spec: ModelSpec, query: Mapping[str, str]) -> InitialData:
    generation_id, example_id = parse_id(query.get("from", "")), query.get("recipe", "")
    if generation_id is not None:
        generation = queries.get_generation_or_404(user, generation_id)
        initial = _from_generation(spec, generation)
        initial.form_data.project = load_project(user, str(generation.project_id or ""))
        return _offer_unsent_text(user, query, initial)
    if (preset_id := parse_id(query.get("preset", ""))) is not None:
        preset = find_usable_preset(user, preset_id)
        if preset is None:
            return _without_source(
                user, spec, _("This preset was deleted, or it is no longer shared.")
            )
        return _offer_unsent_text(user, query, _from_preset(user, spec, preset))
    if (prompt := _find_prompt(user, query)) is not None:
        return _offer_unsent_text(user, query, InitialData(_build_prompt_data(spec, prompt)))
    if parse_id(query.get("template", "")) is not None:
        return _without_source(
            user, spec, _("This template was deleted, or it is no longer shared.")
        )
    if example_id in EXAMPLES:
        form_data = _drop_defaults(spec, FormData(EXAMPLES[example_id].to_form_values()))
        return _offer_unsent_text(user, query, InitialData(form_data))
    if "afresh" in query:
        return InitialData(FormData(), draft_key=parse_page_key(query["afresh"]))
    return _from_draft(user, spec, parse_page_key(query.get("draft", "")))


def parse_page_key(text: str) -> uuid.UUID | None:
    """The key of a page; None for anything else."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def build_draft_values(form_data: FormData) -> dict[str, object]:
    """What a draft stores of a form: its values, what rests, and for which project it is."""
    resting = dump_resting(form_data.resting)
    extras = {RESTING_NAME: resting, PROJECT_NAME: dump_project(form_data.project)}
    return {**form_data.to_json(), **{name: text for name, text in extras.items() if text}}


def list_entered_values(draft_values: object) -> dict[str, object]:
    """The values of a draft but its project, which is remembered and not entered."""
    values = draft_values.items() if isinstance(draft_values, Mapping) else ()
    return {name: value for name, value in values if name != PROJECT_NAME}


def _from_draft(user: User, spec: ModelSpec, page_key: uuid.UUID | None) -> InitialData:
    draft = queries.get_draft(user, spec.id, page_key) if page_key else None
    draft = draft or queries.get_draft(user, spec.id)
    if draft is None:
        return InitialData(FormData())
    resting = parse_resting(str(get_member(draft.values, RESTING_NAME)))
    form_data = replace(load_form_data(spec, draft.values, user.pk), resting=resting)
    if not form_data.values and not resting:
        return InitialData(FormData())
    form_data.project = load_project(user, get_member(draft.values, PROJECT_NAME))
    return InitialData(
        form_data,
        notes=[_("Restored from your last visit.")],
        draft_key=draft.page_key,
        start_over_url=f"{reverse('create', args=[spec.id])}?afresh={draft.page_key}",
    )


def _without_source(user: User, spec: ModelSpec, reason: str) -> InitialData:
    """The draft, as if nothing else had been asked for, and why it is not what was."""
    initial = _from_draft(user, spec, None)
    return replace(initial, notes=[" ".join([reason, *initial.notes])])


def _from_preset(user: User, spec: ModelSpec, preset: Preset) -> InitialData:
    """What can be read of a preset; its pictures only for whom they belong to."""
    old_spec = SPECS.get(preset.model_id, spec)
    resting = parse_resting(str(get_member(preset.values, RESTING_NAME)))
    form_data = replace(load_form_data(old_spec, preset.values, user.pk), resting=resting)
    notes = []
    if has_missing_files(old_spec, preset.values, form_data):
        notes.append(
            _("A file of this preset is no longer in your library and was left out.")
            if preset.owner_id == user.pk
            else _("The pictures of this preset belong to {name} and were left out.").format(
                name=preset.owner.get_username()
            )
        )
    if old_spec is not spec:
        form_data, more_notes = convert_form_data(form_data, old_spec, spec, user.pk)
        notes.extend(more_notes)
    return InitialData(form_data, notes=notes)


def _find_prompt(user: User, query: Mapping[str, str]) -> str | None:
    """The prompt of an earlier generation, or of a template that is filled in; None if neither
    is asked for, or the template is gone."""
    if (generation_id := parse_id(query.get("prompt_of", ""))) is not None:
        return queries.get_generation_or_404(user, generation_id).prompt
    if (template_id := parse_id(query.get("template", ""))) is None:
        return None
    template = find_usable_template(user, template_id)
    if template is None:
        return None
    fills = (query.get(name, "")[:MAX_FILL_LENGTH].strip() for name in FILL_PARAMS)
    return fill_placeholders(
        template.text, dict(zip(find_placeholders(template.text), fills, strict=False))
    )


def _build_prompt_data(spec: ModelSpec, prompt: str) -> FormData:
    """The form with this prompt alone."""
    names = [field.name for field in spec.fields if field.control is Control.PROMPT]
    return FormData(dict.fromkeys(names[:1], prompt))


def _is_empty(draft: Draft) -> bool:
    values = list_entered_values(draft.values).values()
    return all(value in (None, "", []) for value in values)


def _offer_unsent_text(user: User, query: Mapping[str, str], initial: InitialData) -> InitialData:
    """Offers the way back to what was typed and not sent: on the page that the person came from
    (`?unsent=<page key>`), else the newest."""
    page_key = parse_page_key(query.get("unsent", ""))
    drafts = [
        draft
        for draft in queries.list_drafts(user)
        if draft.model_id in SPECS and not _is_empty(draft)
    ]
    drafts.sort(key=lambda draft: draft.page_key != page_key)
    entered_values = list_entered_values(build_draft_values(initial.form_data))
    if not drafts or list_entered_values(drafts[0].values) == entered_values:
        return initial
    url = f"{reverse('create', args=[drafts[0].model_id])}?draft={drafts[0].page_key}"
    text = _("Your draft was replaced and is kept.")
    return replace(initial, notes=[*initial.notes, text], undo_url=url)


def strip_initial_query(spec: ModelSpec, url: str) -> str:
    """The page's URL without INITIAL_QUERY_PARAMS; "" if it has none.

    A reload then shows the draft instead of the initial data.
    """
    try:
        query = QueryDict(urlsplit(url).query, mutable=True)
    except ValueError:  # no URL at all
        return ""
    if INITIAL_QUERY_PARAMS.isdisjoint(query):
        return ""
    for name in INITIAL_QUERY_PARAMS:
        query.pop(name, None)
    return f"{reverse('create', args=[spec.id])}?{query.urlencode()}".rstrip("?")


def _from_generation(spec: ModelSpec, generation: Generation) -> InitialData:
    old_spec = SPECS.get(generation.model_id, spec)
    if old_spec is not spec:
        return _from_other_model(spec, old_spec, generation)
    form_data = _drop_defaults(spec, load_form_data(spec, generation.params, generation.owner_id))
    if generation.state != State.FAILED:
        return InitialData(form_data)
    return InitialData(
        form_data,
        field_errors=_provider_field_errors(spec, generation),
        notes=[str(NEW_CHARGE_NOTICE)],
    )


def _from_other_model(spec: ModelSpec, old_spec: ModelSpec, generation: Generation) -> InitialData:
    """The settings of another model's generation, as far as this one takes them."""
    stored_data = load_form_data(old_spec, generation.params, generation.owner_id)
    form_data, notes = convert_form_data(stored_data, old_spec, spec, generation.owner_id)
    return InitialData(form_data, notes=notes)


def _drop_defaults(spec: ModelSpec, form_data: FormData) -> FormData:
    """Without the values that are the defaults: as in an empty form, they follow the others."""
    defaults = spec.evaluate(form_data.values).defaults
    values = {
        name: value for name, value in form_data.values.items() if value != defaults.get(name)
    }
    return FormData(values, form_data.assets)


def _provider_field_errors(spec: ModelSpec, generation: Generation) -> list[FieldError]:
    """An error at the field that EvoLink named; none if the form has no such field."""
    name = field_from_error(generation.error_field, {field.name for field in spec.fields})
    if not name:
        return []
    text = generation.error_text or str(build_failure_text(generation.error_code).message)
    return [FieldError(name, Message("{text}", {"text": text}))]
