"""The page on which people say how they want to be told."""

from zoneinfo import available_timezones

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.notifications import services
from evolink_studio.notifications.forms import NotificationForm
from evolink_studio.notifications.queries import get_settings


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def notifications(request: AuthenticatedHttpRequest) -> HttpResponse:
    """GET: the form. POST: store it."""
    row = get_settings(request.user)
    initial = {name: getattr(row, name) for name in NotificationForm.base_fields}
    form = NotificationForm(request.POST or None, initial=initial, user=request.user)
    if request.method == "POST" and form.is_valid():
        services.set_notifications(owner=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("notifications")
    context = {"form": form, "settings": row, "time_zones": sorted(available_timezones())}
    return render(request, "notifications/settings.html", context)


@login_required
@require_POST
def renew_secret(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Another secret for the webhook."""
    services.renew_webhook_secret(owner=request.user)
    messages.success(request, _("The webhook has another secret now. Tell it to who receives it."))
    return redirect("notifications")


@login_required
@require_safe
def device(request: AuthenticatedHttpRequest) -> HttpResponse:
    """What the page in the background may do now; its script asks when it first needs it."""
    row = get_settings(request.user)
    now = timezone.now()
    is_quiet = services.find_end_of_quiet(row, now) != now
    return JsonResponse(
        {"browser": row.in_browser and not is_quiet, "sound": row.with_sound and not is_quiet}
    )
