"""The page of presets. They are made in the form of a model, and opened there."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.prompts.presets import services
from evolink_studio.prompts.presets.presenters import present_presets
from evolink_studio.prompts.presets.queries import get_own_preset_or_404, list_presets
from evolink_studio.prompts.undo import SEALED_NAME, build_undo_notice


@login_required
@require_safe
def presets(request: AuthenticatedHttpRequest) -> HttpResponse:
    """One's own, and what others share."""
    return _render_presets(request)


@login_required
@require_POST
def rename_preset(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Give one's own preset another name."""
    preset = get_own_preset_or_404(request.user, pk)
    try:
        services.rename_preset(preset=preset, name=request.POST.get("name", ""))
    except services.PresetRejected as rejection:
        return _render_presets(request, rejection=rejection, rejected_id=pk)
    messages.success(request, gettext("Renamed to “{name}”.").format(name=preset.name))
    return redirect("presets")


@login_required
@require_POST
def share_preset(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """`shared=1`: everybody may use it; else nobody else."""
    preset = get_own_preset_or_404(request.user, pk)
    is_shared = request.POST.get("shared") == "1"
    services.share_preset(preset=preset, is_shared=is_shared)
    text = (
        gettext("Everybody in the studio can use “{name}” now; its pictures stay yours.")
        if is_shared
        else gettext("“{name}” is only yours again.")
    )
    messages.success(request, text.format(name=preset.name))
    return redirect("presets")


@login_required
@require_POST
def delete_preset(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Delete one's own preset; the notice takes it back."""
    preset = get_own_preset_or_404(request.user, pk)
    sealed = services.delete_preset(preset=preset)
    text = gettext("“{name}” is deleted.").format(name=preset.name)
    messages.success(request, build_undo_notice(text, url=reverse("restore_preset"), sealed=sealed))
    return redirect("presets")


@login_required
@require_POST
def restore_preset(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Take back the deletion that a notice told of."""
    try:
        preset = services.restore_preset(
            owner=request.user, sealed=request.POST.get(SEALED_NAME, "")
        )
    except services.PresetRejected as rejection:
        messages.error(request, str(rejection))
    else:
        messages.success(request, gettext("“{name}” is back.").format(name=preset.name))
    return redirect("presets")


def _render_presets(
    request: AuthenticatedHttpRequest,
    *,
    rejection: services.PresetRejected | None = None,
    rejected_id: int | None = None,
) -> HttpResponse:
    """The page; with a rejection what was typed, and why it was not kept."""
    items = present_presets(request.user, list_presets(request.user))
    context = {
        "of": "presets",
        "own_presets": [item for item in items if item.is_own],
        "shared_presets": [item for item in items if not item.is_own],
        "error": str(rejection or ""),
        "rejected_id": rejected_id,
        "typed_name": request.POST.get("name", "")[:200],
    }
    return render(request, "prompts/presets.html", context)
