"""Making a generation again from its card: one press, or the form of another model."""

import uuid
from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.core.database import UNAVAILABLE_ERRORS, is_unavailable
from evolink_studio.credits.exceptions import SpendingDenied
from evolink_studio.generations import queries, services
from evolink_studio.generations.forms.again import (
    AgainMenu,
    AgainOffer,
    present_again,
    present_other_models,
)
from evolink_studio.generations.forms.controls import translate
from evolink_studio.generations.forms.parsing import FILE_NOT_IN_LIBRARY
from evolink_studio.generations.models import Generation
from evolink_studio.generations.params import serialize_params
from evolink_studio.generations.presenters.workspace import build_workspace_context

WORKSPACE = "workspace"  # the `place` of the buttons on the create page


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def again(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """GET: the buttons with their prices. POST: one of them, which spends credits."""
    now = timezone.now()
    generation = queries.get_generation_or_404(request.user, pk)
    menu = present_again(request.user, generation, now=now)
    if request.method == "POST":
        return _press(request, generation, menu, now)
    return _render_menu(request, menu)


@login_required
@require_safe
def other_models(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """The other models with the settings of a generation: their price, and what would change."""
    generation = queries.get_generation_or_404(request.user, pk)
    models = present_other_models(request.user, generation, now=timezone.now())
    return render(request, "generations/_other_models.html", {"models": models})


def _press(
    request: AuthenticatedHttpRequest, generation: Generation, menu: AgainMenu, now: datetime
) -> HttpResponse:
    """Store one more generation, or show the buttons with the reason why not."""
    offer = menu.find_offer(request.POST.get("quality", ""))
    if offer is None:
        return _render_menu(request, menu, menu.problem or _not_offered_text())
    if offer.blocked_reason:
        return _render_menu(request, menu, offer.blocked_reason)
    if request.POST.get("price") != offer.shown_price:
        return _render_menu(request, menu, _price_changed_text())
    try:
        new_generation = _create_generation(request, generation, offer, now)
    except SpendingDenied as denial:
        return _render_menu(request, menu, denial.full_text)
    except services.FilesDeleted:
        return _render_menu(request, menu, translate(FILE_NOT_IN_LIBRARY))
    except services.IdempotencyConflict:
        return _render_menu(request, menu, _not_offered_text())
    except UNAVAILABLE_ERRORS as error:
        if not is_unavailable(error):
            raise
        return _render_menu(request, menu, _unanswered_text(), is_unanswered=True)
    return _render_made(request, menu, new_generation, now)


def _create_generation(
    request: AuthenticatedHttpRequest, generation: Generation, offer: AgainOffer, now: datetime
) -> Generation:
    assert offer.evaluation.request is not None
    return services.create_generation(
        owner=request.user,
        spec=offer.spec,
        params=serialize_params(offer.spec, offer.evaluation.request),
        assets=list(offer.form_data.assets.values()),
        form_key=_read_form_key(request) or uuid.uuid4(),
        credits_estimated=offer.quote.estimate.credits,
        max_credits=offer.quote.estimate.max_credits,
        page_keys=(),
        project_id=generation.project_id,
        based_on_id=generation.pk,
        now=now,
    ).generation


def _read_form_key(request: AuthenticatedHttpRequest) -> uuid.UUID | None:
    try:
        return uuid.UUID(request.POST.get("form_key", ""))
    except ValueError:
        return None


def _render_menu(
    request: AuthenticatedHttpRequest,
    menu: AgainMenu,
    error: str = "",
    *,
    made: Generation | None = None,
    is_unanswered: bool = False,
) -> HttpResponse:
    """The buttons. With `is_unanswered` the one that was pressed keeps its key: pressing it again
    counts as the same request."""
    context = {
        "menu": menu,
        "error": error,
        "made_url": _show_url(made) if made else "",
        "pressed_key": _read_form_key(request) if is_unanswered else None,
        "pressed_quality": request.POST.get("quality", ""),
        "place": request.POST.get("place") or request.GET.get("place", ""),
    }
    template = "_again_menu" if request.htmx else "again"
    return render(request, f"generations/{template}.html", context)


def _render_made(
    request: AuthenticatedHttpRequest, menu: AgainMenu, made: Generation, now: datetime
) -> HttpResponse:
    """On the create page the new generation is selected; elsewhere a link leads to it."""
    if not request.htmx:
        return redirect(_show_url(made))
    if request.POST.get("place") != WORKSPACE:
        response = _render_menu(request, menu, made=made)
    else:
        account = queries.get_current_provider_account()
        context = build_workspace_context(
            request.user, selected_id=made.pk, account=account, now=now
        )
        response = render(request, "generations/_again_response.html", context)
        response["HX-Retarget"] = "#workspace"
        response["HX-Reswap"] = "morph:innerHTML show:#stage:top"
    response["HX-Trigger"] = "credits"
    return response


def _show_url(generation: Generation) -> str:
    return f"{reverse('create', args=[generation.model_id])}?show={generation.pk}"


def _price_changed_text() -> str:
    return _(
        "The price has changed since, so nothing was sent. The button shows the new price: press "
        "it again to send at that price."
    )


def _not_offered_text() -> str:
    return _(
        "This is not offered any more as the button said, so nothing was sent. Look at the "
        "buttons as they are now."
    )


def _unanswered_text() -> str:
    return _(
        "The studio's database did not answer, so this may have been taken or not. Press the same "
        "button again: it is never sent or charged twice."
    )
