"""URLs for sign-in and preferences."""

from allauth.account import views as account
from django.urls import path
from django.views.generic import TemplateView

from evolink_studio.accounts import forms, views

login = views.SignInView.as_view(form_class=forms.LoginForm)
password_change = account.PasswordChangeView.as_view(form_class=forms.ChangePasswordForm)
password_set = account.PasswordSetView.as_view(form_class=forms.SetPasswordForm)
reauthenticate = account.ReauthenticateView.as_view(form_class=forms.ReauthenticateForm)
password_forgotten = TemplateView.as_view(template_name="account/password_reset.html")

urlpatterns = [
    path("login/", login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("password/", password_change, name="account_change_password"),
    path("password/set/", password_set, name="account_set_password"),
    # No mail is sent from here: the owner gives out one-time links.
    path("password/reset/", password_forgotten, name="account_reset_password"),
    path("reauthenticate/", reauthenticate, name="account_reauthenticate"),
    path("preferences/", views.preferences, name="preferences"),
    path("sessions/end/", views.end_sessions, name="end_sessions"),
    path("welcome/<str:token>/", views.welcome, name="welcome"),
]
