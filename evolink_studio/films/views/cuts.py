"""Cuts: the list of one's own, the editor, and what is done with one."""

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.films import cut_presenters as presenters
from evolink_studio.films import cut_queries as queries
from evolink_studio.films import cuts as services
from evolink_studio.films.cut_forms import (
    CutForm,
    DraftPart,
    build_draft,
    build_new_rows,
    build_rows_again,
    find_obstacle,
    read_film_ids,
    read_rows,
)


@login_required
@require_safe
def cuts(request: AuthenticatedHttpRequest) -> HttpResponse:
    """A person's cuts, newest first."""
    return render(request, "films/cuts.html", _build_list(request))


@login_required
@require_safe
def cut_list(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The list alone, for a page that waits for a cut."""
    return render(request, "films/_cut_list.html", _build_list(request))


def _build_list(request: AuthenticatedHttpRequest) -> dict[str, Any]:
    """Three queries."""
    position_text = request.GET.get("page", "")
    rows, page = queries.read_cut_page(
        request.user, queries.CUT_ORDER.parse_position(position_text)
    )
    asset_ids = [pk for row in rows for pk in services.list_part_assets(row)[:1]]
    results = services.find_results(request.user.pk, asset_ids)
    return {
        "cuts": [presenters.present_cut(row, results) for row in rows],
        "poll_seconds": presenters.find_poll_seconds(rows),
        "page": position_text,
        "newer_page": queries.find_newer_page(page),
        "older_page": queries.find_older_page(page),
    }


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_cut(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The editor: `ids` names the films; a POST changes the rows by `do`, or makes the cut."""
    is_posted = request.method == "POST"
    data = request.POST if is_posted else request.GET
    film_ids = read_film_ids(data.get("ids", ""))
    rows = read_rows(request.POST) if is_posted else build_new_rows(film_ids)
    results = queries.find_cuttable(request.user, [row[0] for row in rows])
    draft = build_draft(rows, results)
    form = CutForm(request.POST if is_posted else None)
    is_submitted = is_posted and data.get("do") == "make"
    missing_count = len(rows) - len(draft)
    error: str | None = ""
    if is_submitted:
        error = _changed_text() if missing_count else _make_cut(request, form, draft)
        if error is None:
            return redirect("cuts")
    context = _build_editor(request, form, draft, is_submitted=is_submitted)
    context |= {"error": error, "missing_count": missing_count}
    return render(request, "films/cut_new.html", context, status=422 if is_submitted else 200)


@login_required
@require_safe
def change_cut(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """The editor with what an earlier cut was made of. What it makes is another film."""
    cut = queries.get_cut_or_404(request.user, pk)
    results = services.find_results(request.user.pk, services.list_part_assets(cut))
    films = queries.find_cuttable(request.user, [it.generation_id for it in results.values()])
    rows, lost_assets = build_rows_again(services.list_parts(cut), results, films)
    form = CutForm(initial={"title": cut.title})
    context = _build_editor(request, form, build_draft(rows, films), is_submitted=False)
    context |= {
        "changed_cut": presenters.present_cut(cut, results),
        "lost_titles": presenters.name_lost_films(cut, lost_assets, results),
    }
    return render(request, "films/cut_new.html", context)


def _make_cut(
    request: AuthenticatedHttpRequest, form: CutForm, draft: list[DraftPart]
) -> str | None:
    """None once it is asked for; else why not, "" where it stands at the fields."""
    if obstacle := find_obstacle(draft):
        return obstacle
    if not form.is_valid() or not all(part.form.is_valid() for part in draft):
        return ""
    try:
        services.create_cut(
            owner=request.user,
            title=form.cleaned_data["title"],
            parts=[part.build_part() for part in draft],
            now=timezone.now(),
        )
    except services.TooManyCuts:
        return _("{n} cuts are being made already. Wait until one is ready.").format(
            n=services.MAX_PENDING
        )
    except (services.PartsNotUsable, services.CutTooLong):
        return _changed_text()
    return None


def _changed_text() -> str:
    return _("A film changed meanwhile, so nothing was made. Look at the parts once more.")


def _build_editor(
    request: AuthenticatedHttpRequest, form: CutForm, draft: list[DraftPart], *, is_submitted: bool
) -> dict[str, Any]:
    """Two queries."""
    offered = queries.list_offered_films(request.user)
    return {
        "form": form,
        "rows": presenters.present_editor_rows(draft),
        "total_text": presenters.format_length(sum((it.seconds for it in draft), Decimal(0))),
        "offered_films": presenters.present_offered_films(offered),
        "are_errors_shown": is_submitted,
    }


@login_required
@require_POST
def cancel_cut(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Drop a cut that is not ready; its films stay."""
    if not services.cancel_cut(cut=queries.get_cut_or_404(request.user, pk)):
        messages.info(request, _("The cut was ready already. It stands among your films."))
    return redirect("cuts")


@login_required
@require_POST
def retry_cut(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Make a failed cut again."""
    services.retry_cut(cut=queries.get_cut_or_404(request.user, pk), now=timezone.now())
    return redirect("cuts")
