"""The workspace page of one AI model: its form and its submission."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.accounts.models import User
from evolink_studio.catalog import SPECS
from evolink_studio.catalog.messages import FieldError
from evolink_studio.catalog.spec import FormEvaluation, Lifecycle, ModelSpec
from evolink_studio.core.database import UNAVAILABLE_ERRORS, CommitUnclear, is_unavailable, parse_id
from evolink_studio.credits.exceptions import SpendingDenied
from evolink_studio.credits.models import ProviderAccount
from evolink_studio.generations import queries, services
from evolink_studio.generations.change_feed import parse_token
from evolink_studio.generations.forms.cast import build_sent_values, put_cast_in
from evolink_studio.generations.forms.form import (
    GenerationForm,
    build_form,
    convert_form_data,
    find_live_errors,
    find_submit_errors,
    swap_frames,
)
from evolink_studio.generations.forms.initial import (
    build_draft_values,
    build_initial_data,
    list_entered_values,
    parse_page_key,
    strip_initial_query,
)
from evolink_studio.generations.forms.parsing import (
    FILE_NOT_IN_LIBRARY,
    build_pending_errors,
    build_upload_aborted_error,
    drop_untouched_defaults,
    parse_form,
)
from evolink_studio.generations.forms.project_choice import (
    ProjectChoice,
    build_project_choice,
    find_press_error,
    parse_project,
    resolve_project,
)
from evolink_studio.generations.forms.resting import RESTING_NAME, parse_resting
from evolink_studio.generations.forms.rows import begin_rows, edit_rows
from evolink_studio.generations.forms.takes import TAKES_NAME, build_takes_error, parse_takes
from evolink_studio.generations.models import UNNAMED_PAGE, Generation
from evolink_studio.generations.params import FormData, serialize_params
from evolink_studio.generations.presenters import model_picker
from evolink_studio.generations.presenters.quotes import (
    PriceQuote,
    find_service_problem,
    quote_next_press,
    quote_price,
)
from evolink_studio.generations.presenters.workspace import (
    RenderedList,
    build_after_submit_context,
    build_workspace_context,
)
from evolink_studio.library.upload_handlers import get_upload_error
from evolink_studio.projects.models import Project
from evolink_studio.projects.queries import list_usable_projects


@dataclass(frozen=True)
class EvaluatedForm:
    """The form data of one request, evaluated, and the account its price is compared with.

    `service_problem` says why nobody can send anything now; "" if they can.
    """

    spec: ModelSpec
    form_data: FormData
    evaluation: FormEvaluation
    account: ProviderAccount
    service_problem: str
    projects: Sequence[Project]

    def build_project_choice(self, user: User) -> ProjectChoice:
        """The control beside Generate. No query, but where a project was just begun."""
        return build_project_choice(user, self.form_data.project, self.projects)

    @property
    def has_errors(self) -> bool:
        """Whether a rule is broken or a file was refused."""
        return self.evaluation.request is None or bool(self.form_data.field_errors)

    @property
    def has_invalid_values(self) -> bool:
        """Whether something entered is refused, as against something that is still missing."""
        return self.has_errors and bool(
            self.form_data.field_errors or find_live_errors(self.form_data, self.evaluation)
        )


@login_required
@require_safe
def home(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Redirect to the model the person used last, else to the first active one."""
    last_model = queries.get_last_model_id(request.user)
    first_active = next(spec.id for spec in SPECS.values() if spec.lifecycle is Lifecycle.ACTIVE)
    return redirect("create", last_model if last_model in SPECS else first_active)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: AuthenticatedHttpRequest, model_id: str) -> HttpResponse:
    """GET: the page. POST: submit the form, which spends credits."""
    spec = get_spec_or_404(model_id)
    if request.method == "POST":
        return _submit_form(request, spec)
    return _open_form(request, spec)


@login_required
@require_POST
def refresh(request: AuthenticatedHttpRequest, model_id: str) -> HttpResponse:
    """The form again after a change: the rules decide what may be chosen now. Saves the draft."""
    spec = get_spec_or_404(model_id)
    now = timezone.now()
    form_data = parse_form_data(request, spec, now)
    command = request.POST.get("_do", "")
    edit_rows(spec, form_data.values, command)
    swap_frames(spec, form_data.values, command)
    evaluated_form = _evaluate_form(request.user, spec, form_data, now)
    if begin_rows(spec, form_data.values, evaluated_form.evaluation, request.POST):
        evaluated_form = _evaluate_form(request.user, spec, form_data, now)
    save_draft(request, spec, form_data, now)
    form = _build_form(request, evaluated_form, now=now, form_key=_parse_form_key(request))
    if not request.htmx:
        return _render_page(request, form, evaluated_form.account)
    response = _render_form(request, form)
    if url := strip_initial_query(spec, request.htmx.current_url or ""):
        response["HX-Replace-Url"] = url
    return response


@login_required
@require_POST
def switch(request: AuthenticatedHttpRequest, model_id: str) -> HttpResponse:
    """The form of another model with the values it accepts, and notes about the rest."""
    new_spec = get_spec_or_404(model_id)
    old_spec = get_spec_or_404(request.POST.get("from_model", ""))
    now = timezone.now()
    form_data = parse_form_data(request, old_spec, now)
    save_draft(request, old_spec, form_data, now)
    converted_data, notes = convert_form_data(form_data, old_spec, new_spec, request.user.pk)
    put_cast_in(new_spec, converted_data, request.user.pk)
    if any(list_entered_values(build_draft_values(converted_data)).values()):
        save_draft(request, new_spec, converted_data, now)
    undo_url = reverse("create", args=[old_spec.id]) if notes else ""
    evaluated_form = _evaluate_form(request.user, new_spec, converted_data, now)
    form = _build_form(request, evaluated_form, now=now, notes=notes, undo_url=undo_url)
    context = {"form": form, "model": model_picker.summarize_model(new_spec, now)}
    response = render(request, "generations/_editor.html", context)
    response["HX-Push-Url"] = form.action
    return response


def get_spec_or_404(model_id: str) -> ModelSpec:
    """The spec of a model. Raises Http404 for an unknown one."""
    try:
        return SPECS[model_id]
    except KeyError as error:
        raise Http404 from error


def _open_form(request: AuthenticatedHttpRequest, spec: ModelSpec) -> HttpResponse:
    """The page with the initial form."""
    services.ensure_feed(owner=request.user)
    now = timezone.now()
    initial = build_initial_data(request.user, spec, request.GET)
    put_cast_in(spec, initial.form_data, request.user.pk)
    evaluated_form = _evaluate_form(request.user, spec, initial.form_data, now)
    live_errors = find_live_errors(initial.form_data, evaluated_form.evaluation)
    form = _build_form(
        request,
        evaluated_form,
        now=now,
        page_keys=(uuid.uuid4(), *([initial.draft_key] if initial.draft_key else [])),
        field_errors=[*initial.field_errors, *live_errors],
        notes=initial.notes,
        undo_url=initial.undo_url,
        start_over_url=initial.start_over_url,
    )
    return _render_page(request, form, evaluated_form.account)


def _submit_form(request: AuthenticatedHttpRequest, spec: ModelSpec) -> HttpResponse:
    """Store a generation, or show the form with the reason why not."""
    now = timezone.now()
    form_data = parse_form_data(request, spec, now)
    form_data.field_errors.extend(build_pending_errors(spec, request.POST))
    evaluated_form = _evaluate_form(request.user, spec, form_data, now)
    quote = _quote_price(request, evaluated_form, now)
    form_key = _parse_form_key(request)
    render_rejected = partial(_render_rejected, request, evaluated_form, quote)
    if parse_takes(request.POST.get(TAKES_NAME, "")) is None:
        return render_rejected(build_takes_error(), form_key)
    if project_error := find_press_error(form_data.project):
        form_data.project = replace(form_data.project, error=project_error)
    if evaluated_form.has_errors or quote.is_blocked or project_error:
        field_errors = find_submit_errors(evaluated_form.form_data, evaluated_form.evaluation)
        return render_rejected(quote.blocked_reason, form_key, field_errors=field_errors)
    form_data.project = resolve_project(request.user, form_data.project, now)
    if form_data.project.error:
        return render_rejected("", form_key)
    try:
        generation = _create_generation(request, evaluated_form, quote, form_key, now)
    except SpendingDenied as denial:
        return render_rejected(denial.full_text, form_key)
    except services.FilesDeleted:
        return render_rejected(FILE_NOT_IN_LIBRARY.render(_), form_key)
    except services.IdempotencyConflict:
        return render_rejected(_already_sent_text(), None)
    except UNAVAILABLE_ERRORS as error:
        if not is_unavailable(error):
            raise
        return render_rejected(_unavailable_text(error), form_key, status=503)
    if not request.htmx:
        return redirect(f"{reverse('create', args=[spec.id])}?show={generation.pk}")
    return _render_submitted(request, evaluated_form, quote, generation.pk)


def _create_generation(
    request: AuthenticatedHttpRequest,
    evaluated_form: EvaluatedForm,
    quote: PriceQuote,
    form_key: uuid.UUID,
    now: datetime,
) -> Generation:
    """The generation, or the first of several takes. Needs a form without errors. Raises as
    `services.create_generation` does."""
    assert evaluated_form.evaluation.request is not None
    generation_request = services.GenerationRequest(
        spec=evaluated_form.spec,
        params=serialize_params(evaluated_form.spec, evaluated_form.evaluation.request),
        assets=list(evaluated_form.form_data.assets.values()),
        credits_estimated=quote.estimate.credits,
        max_credits=quote.estimate.max_credits,
    )
    page_keys = parse_page_keys(request)
    project_id = evaluated_form.form_data.project.project_id
    if quote.takes > 1:
        result = services.create_takes(
            owner=request.user,
            request=generation_request,
            count=quote.takes,
            form_key=form_key,
            page_keys=page_keys,
            project_id=project_id,
            now=now,
        )
        return result.generations[0]
    return services.create_generation(
        owner=request.user,
        **vars(generation_request),
        form_key=form_key,
        page_keys=page_keys,
        project_id=project_id,
        now=now,
    ).generation


def _render_rejected(
    request: AuthenticatedHttpRequest,
    evaluated_form: EvaluatedForm,
    quote: PriceQuote,
    text: str,
    form_key: uuid.UUID | None,
    *,
    field_errors: Sequence[FieldError] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The form as entered, with the reason `text`. With the same `form_key`, submitting it again
    counts as the same request."""
    form = build_form(
        evaluated_form.spec,
        evaluated_form.form_data,
        evaluated_form.evaluation,
        quote=quote,
        form_key=form_key,
        field_errors=field_errors,
        errors=[text] if text else [],
        page_keys=parse_page_keys(request),
        project=evaluated_form.build_project_choice(request.user),
    )
    if request.htmx:
        return _render_form(request, form)  # 200: htmx swaps no other status in
    return _render_page(request, form, evaluated_form.account, status=status)


def _render_submitted(
    request: AuthenticatedHttpRequest,
    evaluated_form: EvaluatedForm,
    quote: PriceQuote,
    generation_id: int,
) -> HttpResponse:
    """The form with a new key and one take, and the new card as the selected one (unless `keep`
    names one)."""
    now = timezone.now()
    next_quote = quote_next_press(quote, user=request.user, now=now)
    pinned_id = parse_id(request.POST.get("keep", ""))
    selected_id = (
        pinned_id
        if pinned_id is not None and queries.is_owner_of(request.user, pinned_id)
        else generation_id
    )
    context = {
        "form": build_form(
            evaluated_form.spec,
            evaluated_form.form_data,
            evaluated_form.evaluation,
            quote=next_quote,
            page_keys=parse_page_keys(request),
            project=evaluated_form.build_project_choice(request.user),
        ),
        **build_after_submit_context(
            request.user,
            rendered_list=_parse_rendered_list(request),
            selected_id=selected_id,
            account=next_quote.account,
            now=now,
        ),
    }
    return render(request, "generations/_submit_response.html", context)


def _parse_rendered_list(request: AuthenticatedHttpRequest) -> RenderedList | None:
    """The card list of the page that was submitted; None without `_since`."""
    if "_since" not in request.POST:
        return None
    card_ids = map(parse_id, request.POST.getlist("_rail"))
    return RenderedList(
        version=parse_token(request.POST["_since"]).version,
        card_ids=[pk for pk in card_ids if pk is not None],
    )


def _render_form(request: AuthenticatedHttpRequest, form: GenerationForm) -> HttpResponse:
    return render(request, "generations/_form.html", {"form": form})


def _render_page(
    request: AuthenticatedHttpRequest,
    form: GenerationForm,
    account: ProviderAccount,
    *,
    status: int = 200,
) -> HttpResponse:
    now = timezone.now()
    # The settings of an earlier film come with the film they speak of.
    selected_id = parse_id(request.GET.get("show", "") or request.GET.get("from", ""))
    workspace = build_workspace_context(
        request.user, selected_id=selected_id, account=account, now=now
    )
    examples = [] if workspace["selected_card"] else model_picker.present_examples(now)
    context = {
        "form": form,
        "model": model_picker.summarize_model(SPECS[form.model_id], now),
        "examples": examples,
        **workspace,
    }
    return render(request, "generations/create.html", context, status=status)


def parse_form_data(request: AuthenticatedHttpRequest, spec: ModelSpec, now: datetime) -> FormData:
    """What was entered, without the defaults that were left as they were shown."""
    form_data = parse_form(
        spec, owner=request.user, data=request.POST, files=request.FILES, now=now
    )
    form_data.resting = parse_resting(request.POST.get(RESTING_NAME, ""))
    form_data.project = parse_project(request.user, request.POST)
    if (error := get_upload_error(request)) is not None:
        form_data.field_errors.append(build_upload_aborted_error(spec, error))
    drop_untouched_defaults(spec, form_data, request.POST.get("_defaults", ""))
    put_cast_in(spec, form_data, request.user.pk)
    return form_data


def _parse_form_key(request: AuthenticatedHttpRequest) -> uuid.UUID:
    """The key of this rendering of the form; a new one if the request has none."""
    try:
        return uuid.UUID(request.POST.get("form_key", ""))
    except ValueError:
        return uuid.uuid4()


def parse_page_keys(request: AuthenticatedHttpRequest) -> list[uuid.UUID]:
    """The key of the page, and that of the draft it was opened from."""
    keys = map(parse_page_key, request.POST.get("_page", "").split()[:2])
    return [key for key in keys if key is not None] or [UNNAMED_PAGE]


def save_draft(
    request: AuthenticatedHttpRequest, spec: ModelSpec, form_data: FormData, now: datetime
) -> None:
    """Store what the form holds as the draft of its page."""
    services.save_draft(
        owner=request.user,
        model_id=spec.id,
        values=build_draft_values(form_data),
        page_keys=parse_page_keys(request),
        now=now,
    )


def _evaluate_form(
    user: User, spec: ModelSpec, form_data: FormData, now: datetime
) -> EvaluatedForm:
    """Evaluate form data once per request, after all changes to it. Three queries."""
    account = queries.get_current_provider_account()
    return EvaluatedForm(
        spec=spec,
        form_data=form_data,
        evaluation=spec.evaluate(build_sent_values(spec, form_data)),
        account=account,
        service_problem=find_service_problem(
            spec, account, has_disk_space=queries.has_disk_space(now)
        ),
        projects=list_usable_projects(user),
    )


def _quote_price(
    request: AuthenticatedHttpRequest, evaluated_form: EvaluatedForm, now: datetime
) -> PriceQuote:
    return quote_price(
        spec=evaluated_form.spec,
        user=request.user,
        evaluation=evaluated_form.evaluation,
        account=evaluated_form.account,
        service_problem=evaluated_form.service_problem,
        has_invalid_values=evaluated_form.has_invalid_values,
        takes=parse_takes(request.POST.get(TAKES_NAME, "")) or 1,
        now=now,
    )


def _build_form(
    request: AuthenticatedHttpRequest,
    evaluated_form: EvaluatedForm,
    *,
    now: datetime,
    form_key: uuid.UUID | None = None,
    field_errors: Sequence[FieldError] | None = None,
    page_keys: Sequence[uuid.UUID] | None = None,
    notes: Sequence[str] = (),
    undo_url: str = "",
    start_over_url: str = "",
) -> GenerationForm:
    """The form with its current price. `page_keys=None`: those that the request names."""
    return build_form(
        evaluated_form.spec,
        evaluated_form.form_data,
        evaluated_form.evaluation,
        quote=_quote_price(request, evaluated_form, now),
        form_key=form_key,
        field_errors=field_errors,
        notes=notes,
        undo_url=undo_url,
        start_over_url=start_over_url,
        page_keys=parse_page_keys(request) if page_keys is None else page_keys,
        project=evaluated_form.build_project_choice(request.user),
    )


def _unavailable_text(error: Exception) -> str:
    if isinstance(error, CommitUnclear):
        return _(
            "The studio's database broke off at the last moment, so this may have been taken or "
            "not. Press Generate again in a moment: this form is never sent or charged twice."
        )
    return _(
        "The studio's database did not answer, so this press sent nothing and nothing was charged "
        "for it. Everything you entered is still here: press Generate again in a moment."
    )


def _already_sent_text() -> str:
    return _(
        "This form was sent before with other settings. Nothing was sent now: "
        "look at it once more and press Generate again."
    )
