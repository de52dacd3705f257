"""All writes to projects. Whose project it is, the caller has looked up."""

from datetime import datetime

from django.db import IntegrityError, transaction

from evolink_studio.accounts.models import User
from evolink_studio.projects.models import Project

MAX_PROJECTS_PER_PERSON = 1_000


class ProjectNameTaken(Exception):
    """The person has a project of this name already, upper and lower case being the same."""


class TooManyProjects(Exception):
    """The person has MAX_PROJECTS_PER_PERSON."""


def create_project(
    *, owner: User, name: str, client: str = "", is_shared: bool = False, now: datetime
) -> Project:
    """Raises ProjectNameTaken or TooManyProjects. The name is valid."""
    if Project.objects.filter(owner=owner).count() >= MAX_PROJECTS_PER_PERSON:
        raise TooManyProjects
    try:
        with transaction.atomic():
            return Project.objects.create(
                owner=owner,
                name=_clean(name),
                client=_clean(client),
                is_shared=is_shared,
                created_at=now,
            )
    except IntegrityError as error:
        raise ProjectNameTaken from error


def update_project(*, project: Project, name: str, client: str, is_shared: bool) -> None:
    """Rename it, set its client, and whether everybody may choose it. Raises ProjectNameTaken.

    Films that others made for it while it was shared stay in it.
    """
    project.name, project.client, project.is_shared = _clean(name), _clean(client), is_shared
    try:
        with transaction.atomic():
            project.save(update_fields=["name", "folded_name", "client", "is_shared"])
    except IntegrityError as error:
        raise ProjectNameTaken from error


def archive_project(*, project: Project, now: datetime) -> None:
    """It is offered no more. Its films and its money stay as they are."""
    Project.objects.filter(pk=project.pk, archived_at=None).update(archived_at=now)


def unarchive_project(*, project: Project) -> None:
    """It is offered again."""
    Project.objects.filter(pk=project.pk).update(archived_at=None)


def _clean(text: str) -> str:
    return " ".join(text.replace("\0", "").split())
