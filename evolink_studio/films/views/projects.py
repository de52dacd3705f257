"""The projects of a person, and what was made for them. Here because money is counted above."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.films.presenters.lists import present_projects
from evolink_studio.generations.usage_report import sum_by_project
from evolink_studio.projects import services
from evolink_studio.projects.forms import ProjectForm
from evolink_studio.projects.queries import get_own_project_or_404, list_projects


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def projects(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The projects that the person may see, or with `archived` those put away; a POST makes one."""
    form, now = ProjectForm(request.POST or None), timezone.now()
    if request.method == "POST" and form.is_valid():
        try:
            services.create_project(owner=request.user, now=now, **form.cleaned_data)
            return redirect("projects")
        except (services.ProjectNameTaken, services.TooManyProjects) as error:
            _explain(form, error)
    is_archived = bool(request.GET.get("archived"))
    listed = list_projects(request.user, is_archived=is_archived)
    own_ids = [project.pk for project in listed if project.owner_id == request.user.pk]
    items = present_projects(
        request.user,
        listed,
        sum_by_project([project.pk for project in listed], now=now, owner_id=request.user.pk),
        sum_by_project(own_ids, now=now),
    )
    context = {"form": form, "projects": items, "is_archived": is_archived}
    return render(request, "projects/projects.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def project(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Change one's own project."""
    edited = get_own_project_or_404(request.user, pk)
    initial = {"name": edited.name, "client": edited.client, "is_shared": edited.is_shared}
    form = ProjectForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.update_project(project=edited, **form.cleaned_data)
            return redirect("projects")
        except services.ProjectNameTaken as error:
            _explain(form, error)
    return render(request, "projects/project.html", {"form": form, "project": edited})


@login_required
@require_POST
def archive_project(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Put one's own project away, or with `undo` offer it again."""
    archived = get_own_project_or_404(request.user, pk)
    if request.POST.get("undo"):
        services.unarchive_project(project=archived)
        text = _("“{name}” can be chosen again.")
    else:
        services.archive_project(project=archived, now=timezone.now())
        text = _("“{name}” is archived. Its films and its money stay as they are.")
    messages.success(request, text.replace("{name}", archived.name))
    return redirect("projects")


def _explain(form: ProjectForm, error: Exception) -> None:
    if isinstance(error, services.ProjectNameTaken):
        form.add_error("name", _("You have a project of this name. Choose another name."))
    else:
        text = _("You have {limit} projects, which is the most.")
        form.add_error("name", text.format(limit=services.MAX_PROJECTS_PER_PERSON))
