"""The project beside Generate: chosen, begun with a name, or none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from evolink_studio.accounts.models import User
from evolink_studio.core.database import parse_id
from evolink_studio.core.search import fold_text
from evolink_studio.generations import queries
from evolink_studio.generations.params import ProjectEntry
from evolink_studio.projects.models import Project
from evolink_studio.projects.queries import find_usable_project, list_usable_projects
from evolink_studio.projects.services import ProjectNameTaken, TooManyProjects, create_project

PROJECT_NAME = "_project"
NEW_NAME_NAME = "_new_project"
NEW_PROJECT = "new"
MAX_NAME_CHARACTERS = 80


@dataclass(frozen=True)
class ProjectOption:
    """One project to choose; "" as `value` is none, NEW_PROJECT one that is begun."""

    value: str
    label: str
    is_selected: bool


@dataclass(frozen=True)
class ProjectChoice:
    """The control beside Generate. Without `options` only a name for a first project is offered.

    `is_new`: a new project is begun, so that an error is about its name.
    """

    options: tuple[ProjectOption, ...]
    new_name: str
    error: str
    is_new: bool

    @property
    def is_open(self) -> bool:
        """Whether the name of a first project is in sight."""
        return bool(self.new_name or self.error)


def parse_project(user: User, data: Mapping[str, str]) -> ProjectEntry:
    """What a form says about the project. What may not be chosen is an error. Up to one query."""
    new_name = " ".join(data.get(NEW_NAME_NAME, "").replace("\0", "").split())
    text = data.get(PROJECT_NAME, NEW_PROJECT if new_name else "")
    if not text:
        return ProjectEntry(new_name=new_name)
    if text == NEW_PROJECT:
        if len(new_name) > MAX_NAME_CHARACTERS:
            error = _("A project's name has at most {limit} characters.")
            return ProjectEntry(
                is_new=True, new_name=new_name, error=error.format(limit=MAX_NAME_CHARACTERS)
            )
        return ProjectEntry(is_new=True, new_name=new_name)
    pk = parse_id(text)
    project = find_usable_project(user, pk) if pk is not None else None
    if project is None:
        return ProjectEntry(error=_build_unusable_text(), new_name=new_name)
    return ProjectEntry(project_id=project.pk, new_name=new_name)


def find_press_error(entry: ProjectEntry) -> str:
    """Why nothing can be sent with this project; "" if it can."""
    if entry.is_new and not entry.new_name:
        return _("Name the new project, or choose another one. Nothing was sent.")
    return entry.error


def resolve_project(user: User, entry: ProjectEntry, now: datetime) -> ProjectEntry:
    """The same with a project in place of the name of a new one, which is created. One of that name
    that the person has is taken. With an error if there can be none."""
    if not entry.is_new:
        return entry
    try:
        project = create_project(owner=user, name=entry.new_name, client="", now=now)
    except ProjectNameTaken:
        return _take_own_project(user, entry)
    except TooManyProjects:
        text = _("You have as many projects as the studio keeps. Choose one of them.")
        return ProjectEntry(is_new=True, new_name=entry.new_name, error=text)
    return ProjectEntry(project_id=project.pk)


def _take_own_project(user: User, entry: ProjectEntry) -> ProjectEntry:
    name = fold_text(entry.new_name)
    project = Project.objects.filter(owner=user, folded_name=name).first()
    if project is None or project.archived_at is not None:
        text = _("You have archived a project of this name. Choose another name.")
        return ProjectEntry(is_new=True, new_name=entry.new_name, error=text)
    return ProjectEntry(project_id=project.pk)


def _build_unusable_text() -> str:
    return _("This project can no longer be chosen. Choose another one, or none.")


def build_project_choice(
    user: User, entry: ProjectEntry, projects: Sequence[Project] | None = None
) -> ProjectChoice:
    """The control as the page shows it. One query, two when the last press is to be remembered.

    `projects`: those that can be chosen, if they were just read; one query less.
    """
    project_id = entry.project_id
    if projects is None or project_id not in {None, *(project.pk for project in projects)}:
        projects = list_usable_projects(user)
    if projects and entry.is_remembered:
        project_id = queries.get_last_project_id(user)
        if project_id not in {project.pk for project in projects}:
            project_id = None
    chosen_value = NEW_PROJECT if entry.is_new else str(project_id or "")
    options = [
        ("", _("No project")),
        *((str(project.pk), _label_project(project)) for project in projects),
        (NEW_PROJECT, _("New project…")),
    ]
    return ProjectChoice(
        options=tuple(
            ProjectOption(value, label, is_selected=value == chosen_value)
            for value, label in options
        )
        if projects
        else (),
        new_name=entry.new_name,
        error=entry.error,
        is_new=entry.is_new,
    )


def _label_project(project: Project) -> str:
    return f"{project.client} · {project.name}" if project.client else project.name


def dump_project(entry: ProjectEntry) -> str:
    """What a draft keeps; "" for no project."""
    return str(entry.project_id or "")


def load_project(user: User, stored_value: object) -> ProjectEntry:
    """What a draft kept; no project if it may no longer be chosen. Up to one query."""
    pk = parse_id(stored_value) if isinstance(stored_value, str) else None
    project = find_usable_project(user, pk) if pk is not None else None
    return ProjectEntry(project_id=project.pk) if project else ProjectEntry()
