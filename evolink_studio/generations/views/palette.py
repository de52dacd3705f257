"""The command palette and the list of keys, which the page's script asks for."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.generations.presenters.palette import list_commands


@login_required
@require_safe
def palette(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Both dialogs."""
    return render(request, "generations/_palette.html", {"commands": list_commands(request.user)})
