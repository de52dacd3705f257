"""The picker: all AI models side by side, and which of them a person pinned."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.catalog import SPECS
from evolink_studio.credits.availability import check_availability
from evolink_studio.credits.fields import ZERO_CREDITS
from evolink_studio.generations import services
from evolink_studio.generations.presenters.model_picker import list_features, present_models
from evolink_studio.generations.views.create import get_spec_or_404


@login_required
@require_safe
def models(request: AuthenticatedHttpRequest) -> HttpResponse:
    """All models: the content of the picker, or a page of its own. `?for=<model id>` is chosen."""
    return _render_models(request, request.GET.get("for", ""))


@login_required
@require_POST
def pin(request: AuthenticatedHttpRequest, model_id: str) -> HttpResponse:
    """Pin a model, or with `action=unpin` no longer; then the picker again."""
    spec = get_spec_or_404(model_id)
    if request.POST.get("action") == "unpin":
        services.unpin_model(owner=request.user, model_id=spec.id)
    else:
        services.pin_model(owner=request.user, model_id=spec.id, now=timezone.now())
    if not request.htmx:
        return redirect("models")
    return _render_models(request, request.POST.get("for", ""))


def _render_models(request: AuthenticatedHttpRequest, selected_id: str) -> HttpResponse:
    now = timezone.now()
    availability = check_availability(
        user=request.user, model_id=selected_id, amount=ZERO_CREDITS, now=now
    )
    denied_ids = {model_id for model_id in SPECS if not availability.allows_model(model_id)}
    context = {
        "model_cards": present_models(request.user, selected_id, now, denied_ids),
        "features": list_features(),
        "selected_id": selected_id,
    }
    template = "_model_list.html" if request.htmx else "models.html"
    return render(request, f"generations/{template}", context)
