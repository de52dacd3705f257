"""A batch: its table, its press, its progress."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.catalog import SPECS
from evolink_studio.catalog.spec import ModelSpec
from evolink_studio.core.database import UNAVAILABLE_ERRORS, is_unavailable
from evolink_studio.core.json_field import get_member
from evolink_studio.credits.exceptions import SpendingDenied
from evolink_studio.generations import queries, services
from evolink_studio.generations.forms.batch import (
    BatchRow,
    BatchTable,
    build_table,
    derive_again_key,
    list_again_rows,
    parse_rows,
)
from evolink_studio.generations.forms.batch_composition import (
    MAX_PICTURES,
    BatchComposition,
    RowInput,
    TooManyRows,
    compose_from_form,
    compose_rows,
    parse_composition,
    parse_max_failures,
)
from evolink_studio.generations.forms.batch_sources import (
    MAX_BATCH_ROWS,
    SourceUnreadable,
    read_file,
    read_lines,
)
from evolink_studio.generations.forms.cast import build_sent_values, put_cast_in
from evolink_studio.generations.forms.controls import translate
from evolink_studio.generations.forms.initial import parse_page_key
from evolink_studio.generations.forms.parsing import FILE_NOT_IN_LIBRARY
from evolink_studio.generations.forms.project_choice import (
    NEW_NAME_NAME,
    PROJECT_NAME,
    build_project_choice,
    find_press_error,
    load_project,
    parse_project,
    resolve_project,
)
from evolink_studio.generations.models import Batch
from evolink_studio.generations.params import (
    ProjectEntry,
    get_assets_by_ref,
    load_form_data,
    serialize_params,
)
from evolink_studio.generations.presenters.batch import get_changed_version, present_batch
from evolink_studio.generations.presenters.workspace import build_usage_badge
from evolink_studio.generations.views.create import (
    get_spec_or_404,
    parse_form_data,
    parse_page_keys,
    save_draft,
)
from evolink_studio.library import services as library
from evolink_studio.library.exceptions import FileRejected
from evolink_studio.library.models import Asset
from evolink_studio.library.poster_urls import build_poster_urls
from evolink_studio.library.upload_handlers import get_upload_error

RECENT_BATCHES = 5


@dataclass
class BatchPage:
    """What the page shows: what was entered, the table made of it, what is wrong by field.

    `begun_with`: the model whose form it was begun with, `form_url` leads back to that, and `notes`
    say what became of it.
    """

    composition: BatchComposition = field(default_factory=BatchComposition)
    project: ProjectEntry = field(default_factory=lambda: ProjectEntry(is_remembered=True))
    table: BatchTable | None = None
    errors: dict[str, str] = field(default_factory=dict)
    again_of: Batch | None = None
    begun_with: ModelSpec | None = None
    form_url: str = ""
    notes: Sequence[str] = ()


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def batch(request: AuthenticatedHttpRequest) -> HttpResponse:
    """GET: the form, empty or with what the draft of a page holds (`?model=&draft=<page key>`).
    POST: its table, the table again, or the press that sends it."""
    now = timezone.now()
    if request.method != "POST":
        return _render_page(request, _open_form(request))
    page = BatchPage(parse_composition(request.POST), _parse_project(request))
    if "rows" not in request.POST:
        return _render_page(request, _build_table(request, page, now))
    page.table = _parse_table(request, now)
    command = request.POST.get("_do", "")
    if command == "send":
        return _send(request, page, now)
    if command == "fit":
        page.table = page.table.tick_only({row.number for row in page.table.fitting_rows})
    return _render_page(request, page)


@login_required
@require_POST
def begin_batch(request: AuthenticatedHttpRequest, model_id: str) -> HttpResponse:
    """Store what the form of a model holds as its draft, and open a batch with that."""
    spec = get_spec_or_404(model_id)
    now = timezone.now()
    save_draft(request, spec, parse_form_data(request, spec, now), now)
    query = urlencode({"model": spec.id, "draft": str(parse_page_keys(request)[0])})
    return redirect(f"{reverse('batch')}?{query}")


@login_required
@require_safe
def batch_again(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """The table of what ended without a film; the batch itself when nothing is left of that."""
    now = timezone.now()
    batch = queries.get_batch_or_404(request.user, pk)
    unmade = queries.find_unmade_rows(batch, queries.list_batch_generations(batch))
    rows = unmade.rows
    if not rows:
        return redirect("batch_progress", pk)
    composition = BatchComposition(
        title=batch.title,
        max_failures="" if batch.max_failures is None else str(batch.max_failures),
    )
    project_ids = {row.project_id for row in rows}
    project_id = project_ids.pop() if len(project_ids) == 1 else None
    page = BatchPage(composition, load_project(request.user, str(project_id or "")), again_of=batch)
    form_key = derive_again_key(batch, rows)
    page.table = _check_rows(request, list_again_rows(unmade), form_key, now)
    return _render_page(request, page)


@login_required
@require_safe
def batch_progress(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """The progress of a batch; 204 when nothing has changed since the version that it is asked
    with."""
    batch = queries.get_batch_or_404(request.user, pk)
    rows = queries.list_batch_generations(batch)
    is_unchanged = request.GET.get("since") == str(get_changed_version(rows))
    if is_unchanged and any(row.is_live for row in rows):
        return HttpResponse(status=204)
    unmade = queries.find_unmade_rows(batch, rows)
    progress = present_batch(batch, rows, unmade, now=timezone.now())
    template = "_batch_response" if request.htmx else "batch_progress"
    return render(
        request,
        f"generations/{template}.html",
        {"progress": progress} | _build_header_context(request),
    )


@login_required
@require_POST
def stop_batch(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Cancel what of a batch waits, and show its progress."""
    batch = queries.get_batch_or_404(request.user, pk)
    services.stop_batch(batch=batch, now=timezone.now())
    return redirect("batch_progress", pk)


def _open_form(request: AuthenticatedHttpRequest) -> BatchPage:
    """The page with what the draft that the address names holds; the empty one without it."""
    spec = SPECS.get(request.GET.get("model", ""))
    page_key = parse_page_key(request.GET.get("draft", ""))
    draft = queries.get_draft(request.user, spec.id, page_key) if spec and page_key else None
    if spec is None or draft is None:
        return BatchPage()
    form_data = load_form_data(spec, draft.values, request.user.pk)
    put_cast_in(spec, form_data, request.user.pk)
    carried = compose_from_form(spec, form_data, spec.evaluate(build_sent_values(spec, form_data)))
    return BatchPage(
        carried.composition,
        load_project(request.user, get_member(draft.values, PROJECT_NAME)),
        begun_with=spec,
        form_url=f"{reverse('create', args=[spec.id])}?draft={page_key}",
        notes=carried.notes,
    )


def _parse_project(request: AuthenticatedHttpRequest) -> ProjectEntry:
    """The project that the table names; that of the last press before there is a table."""
    if request.POST.keys().isdisjoint({PROJECT_NAME, NEW_NAME_NAME}):
        return ProjectEntry(is_remembered=True)
    return parse_project(request.user, request.POST)


def _build_table(request: AuthenticatedHttpRequest, page: BatchPage, now: datetime) -> BatchPage:
    """The page with a table of what was entered, or with the reasons why there is none."""
    page.composition = replace(page.composition, picture_refs=_store_pictures(request, page, now))
    sources = read_lines(page.composition.prompts)
    if file := request.FILES.get("table"):
        try:
            sources = [*sources, *read_file(file.name or "", file)]
        except SourceUnreadable as error:
            page.errors["table"] = str(error)
    if not sources and not page.composition.picture_refs:
        page.errors.setdefault("prompts", _("Write a prompt, or choose a file or pictures."))
    names_all_models = bool(sources) and all(source.model_id for source in sources)
    if not page.composition.model_ids and not names_all_models:
        page.errors["models"] = _("Choose a model.")
    if page.errors:
        return page
    try:
        rows = compose_rows(page.composition, sources)
    except TooManyRows as error:
        page.errors["prompts"] = _too_many_text(error.count)
        return page
    page.table = _check_rows(request, rows, uuid.uuid4(), now)
    return page


def _store_pictures(request: AuthenticatedHttpRequest, page: BatchPage, now: datetime) -> list[str]:
    """The references of the pictures: those that the page carried, then those chosen now."""
    refs = list(get_assets_by_ref(page.composition.picture_refs, request.user.pk))
    if (error := get_upload_error(request)) is not None:
        page.errors["pictures"] = str(error)
    texts = []
    for file in request.FILES.getlist("pictures"):
        if len(refs) >= MAX_PICTURES:
            texts.append(_("A batch takes {n} pictures at most.").format(n=MAX_PICTURES))
            break
        try:
            asset = library.add_upload(
                owner=request.user, file=file, kind=Asset.Kind.IMAGE, now=now
            )
        except FileRejected as rejection:
            texts.append(f"{file.name}: {rejection}")
        else:
            refs.append(asset.ref)
    if texts:
        page.errors["pictures"] = " ".join(texts)
    return list(dict.fromkeys(refs))


def _check_max_failures(page: BatchPage) -> int | None:
    """After how many failures to stop; an error of the page for what is no number."""
    try:
        return parse_max_failures(page.composition.max_failures)
    except ValueError:
        page.errors["max_failures"] = _(
            "Write a number from 1 to {n}, or nothing to go on whatever happens."
        ).format(n=MAX_BATCH_ROWS)
        return None


def _parse_table(request: AuthenticatedHttpRequest, now: datetime) -> BatchTable:
    """The table that the page carried, checked anew."""
    try:
        form_key = uuid.UUID(request.POST.get("form_key", ""))
    except ValueError:
        form_key = uuid.uuid4()
    return _check_rows(request, parse_rows(request.POST), form_key, now)


def _check_rows(
    request: AuthenticatedHttpRequest,
    rows: Sequence[RowInput],
    form_key: uuid.UUID,
    now: datetime,
) -> BatchTable:
    account = queries.get_current_provider_account()
    return build_table(request.user, rows, account=account, form_key=form_key, now=now)


def _send(request: AuthenticatedHttpRequest, page: BatchPage, now: datetime) -> HttpResponse:
    """Store the ticked rows as one batch, or show the table with the reason why not."""
    table = page.table
    assert table is not None
    max_failures = _check_max_failures(page)
    # What was stored by this very press before is shown, whatever is left by now.
    is_stored = bool(table.chosen_rows) and queries.has_batch(request.user, table.form_key)
    if not is_stored:
        _settle_press(request, page, table, now)
    if page.errors or (page.project.error and not is_stored):
        return _render_page(request, page)
    try:
        result = services.create_batch(
            owner=request.user,
            kind=Batch.Kind.TABLE,
            requests=[_build_request(row) for row in table.chosen_rows],
            form_key=table.form_key,
            title=page.composition.title,
            max_failures=max_failures,
            project_id=page.project.project_id,
            now=now,
        )
    except SpendingDenied as denial:
        page.errors["table_form"] = denial.full_text
    except services.FilesDeleted:
        page.errors["table_form"] = translate(FILE_NOT_IN_LIBRARY)
    except services.IdempotencyConflict:
        page.errors["table_form"] = _already_sent_text()
        page.table = _check_rows(request, parse_rows(request.POST), uuid.uuid4(), now)
    except UNAVAILABLE_ERRORS as error:
        if not is_unavailable(error):
            raise
        page.errors["table_form"] = _unanswered_text()
    else:
        return redirect("batch_progress", result.batch.pk)
    return _render_page(request, page)


def _settle_press(
    request: AuthenticatedHttpRequest, page: BatchPage, table: BatchTable, now: datetime
) -> None:
    """Note why this press sends nothing. A new project is begun only by one that may send."""
    if text := _find_refusal(request, table):
        page.errors["table_form"] = text
    if error := find_press_error(page.project):
        page.project = replace(page.project, error=error)
    if not page.errors and not error:
        page.project = resolve_project(request.user, page.project, now)


def _find_refusal(request: AuthenticatedHttpRequest, table: BatchTable) -> str:
    """Why this press sends nothing; "" if it may."""
    if any(row.is_ticked and not row.can_be_sent for row in table.rows):
        return _("Nothing was sent: a ticked row cannot be sent as it is. Change or untick it.")
    if table.blocked_reason:
        return table.blocked_reason
    if request.POST.get("shown_price") != table.shown_price:
        return _(
            "The button shows another number or price now, so nothing was sent. Press it again to "
            "send at that price."
        )
    return ""


def _build_request(row: BatchRow) -> services.GenerationRequest:
    assert row.request is not None
    return services.GenerationRequest(
        spec=row.spec,
        params=serialize_params(row.spec, row.request),
        assets=row.assets,
        credits_estimated=row.estimate.credits,
        max_credits=row.estimate.max_credits,
        based_on_id=row.based_on_id,
    )


def _render_page(request: AuthenticatedHttpRequest, page: BatchPage) -> HttpResponse:
    pictures = get_assets_by_ref(page.composition.picture_refs, request.user.pk).values()
    context = {
        "page": page,
        "composition": page.composition,
        "table": page.table,
        "project": build_project_choice(request.user, page.project) if page.table else None,
        "errors": page.errors,
        "again_of": page.again_of,
        "pictures": [(asset, build_poster_urls(asset).small) for asset in pictures],
        "max_rows": MAX_BATCH_ROWS,
        "recent_batches": queries.list_recent_batches(request.user, RECENT_BATCHES),
    }
    # Links are followed by htmx, too, and want the page.
    if request.htmx and request.method == "POST" and page.table:
        return render(request, "generations/_batch_table.html", context)
    return render(request, "generations/batch.html", context | _build_header_context(request))


def _build_header_context(request: AuthenticatedHttpRequest) -> dict[str, object]:
    """The credit badge."""
    account = queries.get_current_provider_account()
    return {"usage_badge": build_usage_badge(request.user, account, timezone.now())}


def _too_many_text(count: int) -> str:
    return ngettext(
        "That would be {n} row, and a batch has {limit} at most.",
        "That would be {n} rows, and a batch has {limit} at most.",
        count,
    ).format(n=count, limit=MAX_BATCH_ROWS)


def _already_sent_text() -> str:
    return _(
        "This table was sent before with other rows. Nothing was sent now: look at it once more "
        "and press again."
    )


def _unanswered_text() -> str:
    return _(
        "The studio's database did not answer, so this may have been taken or not. Press again in "
        "a moment: the same table is never sent or charged twice."
    )
