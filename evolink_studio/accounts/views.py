"""Sign-in by a one-time link, and a person's preferences."""

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from evolink_studio.accounts import services
from evolink_studio.accounts.forms import PreferencesForm
from evolink_studio.accounts.http import AuthenticatedHttpRequest


@never_cache
@require_GET
def welcome(request: AuthenticatedHttpRequest, token: str) -> HttpResponse:
    """Sign in by a one-time link; 410 and a page on how to get another if it is not valid."""
    user = services.redeem_sign_in_link(token=token, now=timezone.now())
    if user is None:
        return render(request, "accounts/link_used.html", status=410)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    if not user.has_usable_password():
        messages.info(request, _build_password_hint())
    return redirect("home")


def _build_password_hint() -> SafeString:
    return format_html(
        '{} <a href="{}">{}</a>',
        _("This link worked once. Set a password, and you can sign in again without one."),
        reverse("account_set_password"),
        _("Set a password"),
    )


@login_required
@require_http_methods(["GET", "POST"])
def preferences(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Language and appearance."""
    user = request.user
    initial = {"language": user.language, "theme": user.theme}
    form = PreferencesForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        services.set_preferences(user=user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("preferences")
    return render(request, "accounts/preferences.html", {"form": form})
