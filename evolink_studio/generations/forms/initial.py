"""Initial data of a form: a draft, an earlier generation, an example, or nothing."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from evolink_studio.accounts.models import User
from evolink_studio.catalog.messages import FieldError, Message
from evolink_studio.catalog.spec import ModelSpec
from evolink_studio.core.database import parse_id
from evolink_studio.generations import queries
from evolink_studio.generations.models import Generation
from evolink_studio.generations.params import FormData, load_form_data
from evolink_studio.generations.presenters.failure_text import (
    NEW_CHARGE_NOTICE,
    build_failure_text,
    field_from_error,
)
from evolink_studio.generations.presenters.model_picker import EXAMPLES
from evolink_studio.generations.states import State

INITIAL_QUERY_PARAMS = frozenset({"from", "recipe", "afresh"})


@dataclass(frozen=True)
class InitialData:
    """What a form shows first. `field_errors`: those that EvoLink named.

    `is_draft`: it comes from the stored draft, so the form offers to start over.
    """

    form_data: FormData
    form_key: uuid.UUID | None = None
    field_errors: Sequence[FieldError] = ()
    notes: Sequence[str] = field(default_factory=tuple)
    is_draft: bool = False


def build_initial_data(user: User, spec: ModelSpec, query: Mapping[str, str]) -> InitialData:
    """From `?from=<pk>`, `?recipe=<example>`, `?afresh` (empty), else the draft.

    Raises Http404 for a foreign generation.
    """
    generation_id, example_id = parse_id(query.get("from", "")), query.get("recipe", "")
    if generation_id is not None:
        return _from_generation(spec, queries.get_generation_or_404(user, generation_id))
    if example_id in EXAMPLES:
        return InitialData(_drop_defaults(spec, FormData(EXAMPLES[example_id].to_form_values())))
    draft = None if "afresh" in query else queries.get_draft(user, spec.id)
    form_data = load_form_data(spec, draft, user.pk)
    if not form_data.values:
        return InitialData(FormData())
    notes = [_("Restored from your last visit.")]
    return InitialData(form_data, notes=notes, is_draft=True)


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
    form_data = _drop_defaults(spec, load_form_data(spec, generation.params, generation.owner_id))
    if generation.state != State.FAILED:
        return InitialData(form_data)
    return InitialData(
        form_data,
        field_errors=_provider_field_errors(spec, generation),
        notes=[str(NEW_CHARGE_NOTICE)],
    )


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
