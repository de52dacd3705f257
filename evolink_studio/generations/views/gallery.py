"""All results of one generation."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.core.database import parse_id
from evolink_studio.generations import queries
from evolink_studio.generations.presenters.cards import present_card, present_video

PAGE_SIZE = 24


@login_required
@require_safe
def results(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """All saved results of one generation, page by page; cards show only the first."""
    generation = queries.get_generation_or_404(request.user, pk)
    first = parse_id(request.GET.get("from", "")) or 0
    rows = queries.list_results(generation, first=first, limit=PAGE_SIZE + 1)
    page_url = reverse("results", args=[pk])
    context = {
        "card": present_card(generation, now=timezone.now()),
        "results": [(row.position + 1, present_video(row.asset)) for row in rows[:PAGE_SIZE]],
        "next_url": f"{page_url}?from={rows[PAGE_SIZE].position}" if len(rows) > PAGE_SIZE else "",
        "first_url": page_url if first else "",
    }
    return render(request, "generations/results.html", context)
