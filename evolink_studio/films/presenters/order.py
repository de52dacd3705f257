"""How one film is kept: what the panel beside it shows and changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evolink_studio.accounts.models import User
from evolink_studio.films import order_queries
from evolink_studio.films.models import Collection
from evolink_studio.films.services import MAX_NOTES_LENGTH, MAX_TITLE_LENGTH
from evolink_studio.generations.forms.project_choice import ProjectOption
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import ENDED_STATES
from evolink_studio.projects.queries import list_usable_projects

ORDER_PANEL_ID = "order-panel"


@dataclass(frozen=True)
class OrderPanel:
    """A film's title, notes, star, tags, collections and project, and what may be chosen for them.

    `title` and `notes` are as they were typed, where `errors` has a sentence for them.
    """

    film_id: int
    title: str
    notes: str
    is_starred: bool
    is_trashed: bool
    is_emptied: bool
    can_trash: bool
    tags: Sequence[str]
    collections: Sequence[Collection]
    project_options: Sequence[ProjectOption]
    tag_names: Sequence[str]
    collection_names: Sequence[str]
    errors: Mapping[str, str] = field(default_factory=dict)
    max_title_length: int = MAX_TITLE_LENGTH
    max_notes_length: int = MAX_NOTES_LENGTH


def present_order(
    user: User,
    film: Generation,
    *,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> OrderPanel:
    """The panel of a film of this person. Five queries."""
    labels = {"title": film.title, "notes": film.notes, **(typed or {})}
    tags = [tag.name for tag in film.tags.order_by("folded_name")]
    return OrderPanel(
        film_id=film.pk,
        title=labels["title"],
        notes=labels["notes"],
        is_starred=film.starred_at is not None,
        is_trashed=film.trashed_at is not None,
        is_emptied=film.emptied_at is not None,
        can_trash=film.state in ENDED_STATES,
        tags=tags,
        collections=list(film.collections.order_by("folded_name")),
        project_options=_list_project_options(user, film),
        tag_names=[name for name in order_queries.list_tag_names(user) if name not in tags],
        collection_names=order_queries.list_collection_names(user),
        errors=errors or {},
    )


def _list_project_options(user: User, film: Generation) -> list[ProjectOption]:
    """With the present one, also if it is archived by now."""
    projects = list_usable_projects(user)
    if film.project is not None and film.project not in projects:
        projects.append(film.project)
    return [
        ProjectOption("", "", is_selected=film.project_id is None),
        *(
            ProjectOption(str(project.pk), str(project), project.pk == film.project_id)
            for project in projects
        ),
    ]
