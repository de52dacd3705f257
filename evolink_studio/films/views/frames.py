"""From a frame of a film to the next shot."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.films.frame_forms import FrameChoiceForm
from evolink_studio.films.next_shot import build_next_shot_url, choose_first_frame_slot
from evolink_studio.generations.models import Generation
from evolink_studio.generations.queries import get_generation_or_404, list_results
from evolink_studio.library import services
from evolink_studio.library.exceptions import FileRejected
from evolink_studio.library.models import Asset


@login_required
@require_POST
def use_frame(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Make a frame of a film a picture, and open the form of the next shot with it."""
    generation = get_generation_or_404(request.user, pk)
    form = FrameChoiceForm(request.POST)
    film_url = f"{reverse('film', args=[pk])}#frame"
    if not form.is_valid():
        messages.error(request, _("That frame or its place could not be read. Choose it again."))
        return redirect(film_url)
    video = _get_film_or_404(generation, form.cleaned_data["result"] or 1)
    try:
        frame = services.add_frame(
            asset=video, second=form.cleaned_data["second"], now=timezone.now()
        )
    except FileRejected as rejection:
        messages.error(request, str(rejection))
        return redirect(film_url)
    slot = form.cleaned_data["slot"] or choose_first_frame_slot(request.user, generation)
    if form.cleaned_data["keep"] or slot is None:
        messages.info(request, _("The frame is among your pictures."))
        return redirect(film_url)
    return redirect(build_next_shot_url(generation, slot, frame))


def _get_film_or_404(generation: Generation, number: int) -> Asset:
    """The film that is the result of this number, from 1. Raises Http404 without one."""
    results = list_results(generation, first=number - 1, limit=1)
    if not results or results[0].asset.kind != Asset.Kind.VIDEO:
        raise Http404
    return results[0].asset
