"""The page on which a person sees their own month and may limit it."""

from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.core.calendar import get_day
from evolink_studio.core.formatting import format_credits
from evolink_studio.credits.allowances import find_own_limit, get_applicable_allowances
from evolink_studio.credits.forms import OwnLimitForm
from evolink_studio.credits.services import OwnLimitTooHigh, set_own_limit
from evolink_studio.generations.presenters.month import parse_month, present_month
from evolink_studio.generations.usage_report import get_spending


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def month(request: AuthenticatedHttpRequest) -> HttpResponse:
    """GET: one month (`of=2026-11`), the present one by default. POST: set one's own limit."""
    now = timezone.now()
    form = OwnLimitForm(
        request.POST or None,
        initial={"credits_limit": find_own_limit(get_applicable_allowances(request.user))},
    )
    if request.method == "POST" and form.is_valid() and _save_limit(request, form, now):
        messages.success(request, _("Saved."))
        return redirect("month")
    shown = parse_month(request.GET.get("of", ""), today=get_day(now))
    page = present_month(request.user, shown, now=now)
    return render(request, "generations/month.html", {"page": page, "form": form})


def _save_limit(request: AuthenticatedHttpRequest, form: OwnLimitForm, now: datetime) -> bool:
    """Whether it was stored; otherwise the form says why not."""
    try:
        spending = get_spending(request.user, now)
        set_own_limit(
            user=request.user,
            credits_limit=form.cleaned_data["credits_limit"],
            used_this_month=spending.reserved + spending.charged_this_month,
            now=now,
        )
    except OwnLimitTooHigh as error:
        text = _("You may spend {limit} credits a month: a limit of your own lies below that.")
        form.add_error("credits_limit", text.format(limit=format_credits(error.granted)))
        return False
    return True
