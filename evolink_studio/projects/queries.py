"""Reads of projects for pages. One query each."""

from django.http import Http404

from evolink_studio.accounts.models import User
from evolink_studio.projects.models import Project

LISTED_PROJECTS = 500


def list_usable_projects(user: User) -> list[Project]:
    """The projects that this person's films can be made for: their own first, then shared ones."""
    rows = Project.objects.usable_by(user).filter(archived_at=None)
    projects = list(rows.order_by("folded_name", "pk")[:LISTED_PROJECTS])
    return sorted(projects, key=lambda project: project.owner_id != user.pk)


def find_usable_project(user: User, pk: int) -> Project | None:
    """A project that this person's films can be made for, or None."""
    return Project.objects.usable_by(user).filter(archived_at=None, pk=pk).first()


def list_projects(user: User, *, is_archived: bool = False) -> list[Project]:
    """The projects that this person may see, with their owners, by name."""
    rows = Project.objects.usable_by(user).filter(archived_at__isnull=not is_archived)
    rows = rows.select_related("owner").order_by("folded_name", "pk")
    return list(rows[:LISTED_PROJECTS])


def get_own_project_or_404(user: User, pk: int) -> Project:
    """A project of this person; else raises Http404, also for one that is shared with them."""
    project = Project.objects.filter(owner=user, pk=pk).first()
    if project is None:
        raise Http404
    return project
