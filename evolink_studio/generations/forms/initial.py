"""With what a form begins: a draft, an earlier generation, a recipe, or nothing."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from evolink_studio.accounts.models import User
from evolink_studio.catalog.messages import Problem, Sentence
from evolink_studio.catalog.spec import Spec
from evolink_studio.core.http import number_in
from evolink_studio.generations import queries
from evolink_studio.generations.models import Generation
from evolink_studio.generations.params import Entered, restore
from evolink_studio.generations.presenters.failure_text import PAID_ANEW, failure, field_named
from evolink_studio.generations.presenters.model_picker import RECIPES
from evolink_studio.generations.states import State

STARTS = frozenset({"from", "recipe", "afresh"})


@dataclass(frozen=True)
class Start:
    """What a form shows first. Without `problems` nothing is marked wrong yet.

    `drafted` says that a person typed this in earlier and may not want it any more.
    """

    entered: Entered
    key: uuid.UUID | None = None
    problems: Sequence[Problem] | None = None
    notes: Sequence[str] = field(default_factory=tuple)
    drafted: bool = False


def start(user: User, spec: Spec, query: Mapping[str, str]) -> Start:
    """`?from=<generation>`, `?recipe=<number>`, `?afresh`, else the person's draft."""
    source, recipe = number_in(query.get("from", "")), query.get("recipe", "")
    if source is not None:
        return _from_generation(spec, queries.own(user, source))
    if recipe in RECIPES:
        return Start(Entered(dict(RECIPES[recipe].values())))
    stored = None if "afresh" in query else queries.draft(user, spec.id)
    if not stored or all(value in (None, "", []) for value in stored.values()):
        return Start(Entered())
    notes = [_("Restored from your last visit.")]
    return Start(restore(spec, stored, user.pk), notes=notes, drafted=True)


def without_start(spec: Spec, address: str) -> str:
    """Where a page at this address is once its form was changed; "" if just there.

    A reload then brings the draft, and not once more what the form began with.
    """
    query = QueryDict(urlsplit(address).query, mutable=True)
    if STARTS.isdisjoint(query):
        return ""
    for name in STARTS:
        query.pop(name, None)
    return f"{reverse('create', args=[spec.id])}?{query.urlencode()}".rstrip("?")


def _from_generation(spec: Spec, generation: Generation) -> Start:
    entered = restore(spec, generation.params, generation.owner_id)
    if generation.state != State.FAILED:
        return Start(entered)
    return Start(
        entered,
        problems=_named_by_evolink(spec, generation),
        notes=[str(PAID_ANEW)],
    )


def _named_by_evolink(spec: Spec, generation: Generation) -> list[Problem] | None:
    """The field that EvoLink named, if we have it, with the reason beside it."""
    name = field_named(generation.error_field, {field.name for field in spec.fields})
    if not name:
        return None
    said = generation.error_text or str(failure(generation.error_code).what)
    return [Problem(name, Sentence("{said}", {"said": said}))]
