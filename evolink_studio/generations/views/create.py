"""The page of one AI model: its form, and what became of earlier ones."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evolink_studio.accounts.http import PersonRequest
from evolink_studio.catalog import SPECS
from evolink_studio.catalog.messages import Problem
from evolink_studio.catalog.spec import Lifecycle, Spec
from evolink_studio.core.database import AWAY, CommitUnclear, is_away
from evolink_studio.core.http import number_in
from evolink_studio.credits.exceptions import NoRoom
from evolink_studio.generations import queries, services
from evolink_studio.generations.change_feed import token_of
from evolink_studio.generations.forms.form import (
    GenerationForm,
    all_problems,
    carry,
    chosen,
    forget_defaults,
    form_for,
    swap_frames,
)
from evolink_studio.generations.forms.initial import Start, start, without_start
from evolink_studio.generations.forms.parsing import broken_off, read_form
from evolink_studio.generations.forms.rows import edit_rows
from evolink_studio.generations.params import Entered, stored_params
from evolink_studio.generations.presenters import model_picker, quotes
from evolink_studio.generations.presenters.quotes import Receipt, Till, receipt
from evolink_studio.generations.presenters.workspace import Laid, pressed, whole
from evolink_studio.library.upload_handlers import stopped


@login_required
@require_GET
def home(request: PersonRequest) -> HttpResponse:
    """Back to where the person worked last; else the first model that is in service."""
    last = queries.last_model(request.user)
    first = next(spec.id for spec in SPECS.values() if spec.lifecycle is Lifecycle.ACTIVE)
    return redirect("create", last if last in SPECS else first)


@login_required
@require_http_methods(["GET", "POST"])
def create(request: PersonRequest, model_id: str) -> HttpResponse:
    """GET: the page. POST: the press of the button."""
    spec = spec_or_404(model_id)
    if request.method == "POST":
        return _submit(request, spec)
    services.open_feed(owner=request.user)
    return _page(request, spec, start(request.user, spec, request.GET))


@login_required
@require_POST
def refresh(request: PersonRequest, model_id: str) -> HttpResponse:
    """The form again after a change: the server's rules say what may be chosen now."""
    spec = spec_or_404(model_id)
    now = timezone.now()
    entered = _entered(request, spec, now)
    forget_defaults(entered, request.POST.get("_defaults", ""))
    pressed = request.POST.get("_do", "")
    edit_rows(spec, entered.values, pressed)
    swap_frames(spec, entered.values, pressed)
    services.save_draft(owner=request.user, model_id=spec.id, values=entered.plain(), now=now)
    if not request.headers.get("HX-Request"):
        return _page(request, spec, Start(entered, key=_key(request)))
    form = form_for(spec, entered, receipt=_receipt(request, spec, entered, now), key=_key(request))
    response = render(request, "generations/_form.html", {"form": form})
    if address := without_start(spec, request.headers.get("HX-Current-URL", "")):
        response["HX-Replace-Url"] = address
    return response


@login_required
@require_POST
def switch(request: PersonRequest, model_id: str) -> HttpResponse:
    """Another model with the same wishes: kept where it accepts them, the rest named."""
    new = spec_or_404(model_id)
    old = spec_or_404(request.POST.get("from_model", ""))
    now = timezone.now()
    entered = _entered(request, old, now)
    forget_defaults(entered, request.POST.get("_defaults", ""))
    services.save_draft(owner=request.user, model_id=old.id, values=entered.plain(), now=now)
    carried, notes = carry(entered, old, new)
    form = form_for(
        new,
        carried,
        receipt=_receipt(request, new, carried, now),
        notes=notes,
        undo_url=reverse("create", args=[old.id]) if notes else "",
    )
    context = {"form": form, "models": model_picker.model_cards(new.id, now, form.receipt.closed)}
    response = render(request, "generations/_studio.html", context)
    response["HX-Push-Url"] = form.action
    return response


def spec_or_404(model_id: str) -> Spec:
    """The rules of a model; Http404 for one we do not have."""
    try:
        return SPECS[model_id]
    except KeyError as error:
        raise Http404 from error


def _submit(request: PersonRequest, spec: Spec) -> HttpResponse:
    now = timezone.now()
    entered = _entered(request, spec, now)
    checked = spec.check(entered.values)
    bill = _receipt(request, spec, entered, now)
    key = _key(request)
    refused = partial(_refused, request, spec, entered, bill)
    if checked.request is None or entered.problems or bill.blocked:
        return refused(bill.blocked, key, problems=all_problems(checked, entered))
    try:
        done = services.submit(
            owner=request.user,
            spec=spec,
            params=stored_params(spec, checked.request),
            assets=list(entered.assets.values()),
            form_key=key,
            estimated=bill.amount,
            at_most=bill.at_most,
            now=now,
        )
    except NoRoom as refusal:
        return refused(refusal.answer, key)
    except services.FormKeyReused:
        return refused(_already_sent(), None)
    except AWAY as trouble:
        if not is_away(trouble):
            raise
        said = _may_be_stored() if isinstance(trouble, CommitUnclear) else _not_stored()
        return refused(said, key, status=503)
    return _sent(request, spec, entered, done.generation.pk)


def _refused(
    request: PersonRequest,
    spec: Spec,
    entered: Entered,
    bill: Receipt,
    said: str,
    key: uuid.UUID | None,
    *,
    problems: Sequence[Problem] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The form with all that was entered, and what keeps it here. With its `key` another press is
    the same wish."""
    errors = [said] if said else []
    form = form_for(spec, entered, receipt=bill, key=key, problems=problems, errors=errors)
    return _again(request, spec, form, status=status)


def _sent(request: PersonRequest, spec: Spec, entered: Entered, pk: int) -> HttpResponse:
    """The form again, ready for the next one, with the new card on the stage."""
    if not request.headers.get("HX-Request"):
        return redirect(f"{reverse('create', args=[spec.id])}?show={pk}")
    now = timezone.now()
    keep = number_in(request.POST.get("keep", ""))
    shown = keep if keep is not None and queries.is_own(request.user, keep) else pk
    context = {
        "form": form_for(spec, entered, receipt=_receipt(request, spec, entered, now)),
        **pressed(
            request.user, page=_laid(request), show=shown, account=_till(request).account, now=now
        ),
    }
    return render(request, "generations/_submitted.html", context)


def _laid(request: PersonRequest) -> Laid | None:
    """The rail of the page whose button was pressed; None when it says nothing of it."""
    if "_since" not in request.POST:
        return None
    rail = map(number_in, request.POST.getlist("_rail"))
    return Laid(
        version=token_of(request.POST["_since"]).version,
        rail=[pk for pk in rail if pk is not None],
    )


def _again(
    request: PersonRequest, spec: Spec, form: GenerationForm, *, status: int = 200
) -> HttpResponse:
    # 200, because htmx does not swap another answer in.
    if request.headers.get("HX-Request"):
        return render(request, "generations/_form.html", {"form": form})
    context = _context(request, spec, form)
    return render(request, "generations/create.html", context, status=status)


def _page(request: PersonRequest, spec: Spec, begin: Start) -> HttpResponse:
    now = timezone.now()
    form = form_for(
        spec,
        begin.entered,
        receipt=_receipt(request, spec, begin.entered, now),
        key=begin.key,
        problems=begin.problems,
        notes=begin.notes,
        drafted=begin.drafted,
    )
    return render(request, "generations/create.html", _context(request, spec, form))


def _context(request: PersonRequest, spec: Spec, form: GenerationForm) -> dict[str, object]:
    now = timezone.now()
    show = number_in(request.GET.get("show", ""))
    rest = whole(request.user, show=show, account=_till(request).account, now=now)
    recipes = [] if rest["stage"] else model_picker.recipe_cards(now)
    return {
        "form": form,
        "models": model_picker.model_cards(spec.id, now, form.receipt.closed),
        "recipes": recipes,
        **rest,
    }


def _entered(request: PersonRequest, spec: Spec, now: datetime) -> Entered:
    entered = read_form(spec, owner=request.user, data=request.POST, files=request.FILES, now=now)
    if (reason := stopped(request)) is not None:
        entered.problems.append(broken_off(spec, reason))
    return entered


def _key(request: PersonRequest) -> uuid.UUID:
    """The key of this rendering. A form without one (a script) is a wish of its own."""
    try:
        return uuid.UUID(request.POST.get("form_key", ""))
    except ValueError:
        return uuid.uuid4()


def _receipt(request: PersonRequest, spec: Spec, entered: Entered, now: datetime) -> Receipt:
    till = _till(request)
    return receipt(
        spec=spec,
        person=request.user,
        params=chosen(spec, entered),
        account=till.account,
        blocked=quotes.blocked(spec, till.account, till.disk_free),
        now=now,
    )


def _till(request: PersonRequest) -> Till:
    """What is known of the money side, read once a request."""
    till: Till = request.__dict__.setdefault("till", Till())
    return till


def _not_stored() -> str:
    return _(
        "The studio's database did not answer, so this press sent nothing and nothing was charged "
        "for it. Everything you entered is still here: press Generate again in a moment."
    )


def _may_be_stored() -> str:
    return _(
        "The studio's database broke off at the last moment, so this may have been taken or not. "
        "Press Generate again in a moment: this form is never sent or charged twice."
    )


def _already_sent() -> str:
    return _(
        "This form was sent before with other settings. Nothing was sent now: "
        "look at it once more and press Generate again."
    )
