"""Sign-in, also by a one-time link; signing out everywhere; a person's preferences."""

from http import HTTPStatus
from typing import Any

from allauth.account import views as account
from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from evolink_studio.accounts import services
from evolink_studio.accounts.forms import PreferencesForm
from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.accounts.models import User
from evolink_studio.accounts.security_log import record_throttled


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def welcome(request: HttpRequest, token: str) -> HttpResponse:
    """A page with a button (GET); the button signs in by the one-time link (POST).

    Mail scanners open links: a GET spends nothing. 410 and a page on how to get another link if
    it is not valid.
    """
    now = timezone.now()
    if request.method == "POST":
        user = services.redeem_sign_in_link(token=token, now=now)
        if user is not None:
            return _sign_in_by_link(request, user)
    link = services.find_sign_in_link(token=token)
    if request.method == "POST" and link is not None and link.user == request.user:
        return redirect("home")  # the button was pressed twice
    if link is None or not link.is_open(now):
        return render(request, "accounts/link_used.html", status=410)
    return render(request, "accounts/welcome.html", {"person": link.user})


def _sign_in_by_link(request: HttpRequest, user: User) -> HttpResponse:
    if request.user.is_authenticated and request.user != user:
        logout(request)  # nothing of the other person goes along
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
@require_http_methods(["GET", "HEAD", "POST"])
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


@login_required
@require_POST
def end_sessions(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Sign the person out on every device, this one too."""
    user = request.user
    if not user.has_usable_password():
        messages.info(request, _("Set a password first: without one you could not sign in again."))
        return redirect("account_set_password")
    services.end_sessions(user=user)
    logout(request)
    messages.success(request, _("You are signed out everywhere."))
    return redirect("account_login")


class SignInView(account.LoginView):  # type: ignore[misc]  # allauth has no types
    """allauth's, which also logs whom the throttle turned away before a password was read."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            record_throttled(login=request.POST.get("login", ""))
        return response
