"""The page of one film: its player, what made it, and what it led to."""

from collections.abc import Sequence

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.core.database import parse_id
from evolink_studio.films.lineage import find_cut, load_cut_results, load_lineage
from evolink_studio.films.neighbours import load_neighbours
from evolink_studio.films.next_shot import choose_first_frame_slot, present_frame_slots
from evolink_studio.films.presenters import film_page
from evolink_studio.films.presenters.film_settings import (
    build_prompt,
    build_title,
    list_inputs,
    load_settings,
    present_settings,
)
from evolink_studio.films.presenters.order import present_order
from evolink_studio.films.request_code import build_request_code
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.presenters.cards import present_card, present_video
from evolink_studio.generations.presenters.workspace import build_usage_badge
from evolink_studio.generations.queries import (
    get_current_provider_account,
    get_generation_or_404,
    get_queue_positions_for,
    list_results,
)

RESULTS_PAGE_SIZE = 24


@login_required
@require_safe
def film(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """The page of a generation, whatever became of it. `result` is the number of the result in the
    player, `from` where the list of results begins, `in` the query of the list one came from."""
    now = timezone.now()
    generation = get_generation_or_404(request.user, pk)
    first = parse_id(request.GET.get("from", "")) or 0
    rows = list_results(generation, first=first, limit=RESULTS_PAGE_SIZE + 1)
    shown = _choose_result(generation, rows, parse_id(request.GET.get("result", "")))
    positions = get_queue_positions_for(request.user, [generation])
    context = {
        "card": present_card(generation, now=now, positions=positions),
        "screen": film_page.present_screen(shown) if shown else None,
        "order": present_order(request.user, generation),
        "times": film_page.present_times(generation, shown.asset.created_at if shown else None),
        "neighbours": load_neighbours(request.user, generation, request.GET.get("in", "")),
        "frame_slots": present_frame_slots(choose_first_frame_slot(request.user, generation)),
        "speeds": film_page.SPEEDS,
        "usage_badge": build_usage_badge(request.user, get_current_provider_account(), now),
        "player_keys": film_page.PLAYER_KEYS,
        **_build_results_context(generation, rows, is_first_page=not first),
        **_build_details_context(generation),
    }
    return render(request, "films/film.html", context)


def _choose_result(
    generation: Generation, rows: Sequence[GeneratedVideo], number: int | None
) -> GeneratedVideo | None:
    """The result of this number, from 1, if there is one; else the first that is listed."""
    chosen = list_results(generation, first=number - 1, limit=1) if number else []
    if chosen and number is not None and chosen[0].position == number - 1:
        return chosen[0]
    return rows[0] if rows else None


def _build_results_context(
    generation: Generation, rows: Sequence[GeneratedVideo], *, is_first_page: bool
) -> dict[str, object]:
    """The list of results, where there is more than the one in the player."""
    page_url = reverse("film", args=[generation.pk])
    has_more = len(rows) > RESULTS_PAGE_SIZE
    shown_rows = rows[:RESULTS_PAGE_SIZE] if len(rows) > 1 or not is_first_page else []
    return {
        "results": [(row.position + 1, present_video(row.asset)) for row in shown_rows],
        "next_url": f"{page_url}?from={rows[RESULTS_PAGE_SIZE].position}" if has_more else "",
        "first_url": "" if is_first_page else page_url,
    }


def _build_details_context(generation: Generation) -> dict[str, object]:
    """What made it and what it led to."""
    form_data = load_settings(generation)
    inputs = list_inputs(generation, form_data)
    lineage = load_lineage(generation, form_data.assets.values())
    cut = find_cut(generation)
    return {
        "generation": generation,
        "title": build_title(generation),
        "prompt": build_prompt(generation),
        "model_label": film_page.build_model_label(generation),
        "model_url": film_page.build_model_url(generation),
        "settings": present_settings(generation, form_data.values),
        "inputs": film_page.present_inputs(inputs, lineage.sources),
        "family": film_page.present_family(lineage),
        "cut_parts": film_page.present_cut_parts(*load_cut_results(cut)),
        "cut": cut,
        "credits": film_page.present_credits(generation),
        "code": build_request_code(generation, form_data),
    }
