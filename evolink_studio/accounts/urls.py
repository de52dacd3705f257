"""Addresses about people."""

from allauth.account import views as account
from django.urls import path
from django.views.generic import TemplateView

from evolink_studio.accounts import views

password_forgotten = TemplateView.as_view(template_name="account/password_reset.html")

urlpatterns = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("password/", account.password_change, name="account_change_password"),
    path("password/set/", account.password_set, name="account_set_password"),
    # No mail is sent from here: the owner gives out one-time links.
    path("password/reset/", password_forgotten, name="account_reset_password"),
    path("reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("preferences/", views.preferences, name="preferences"),
    path("welcome/<str:token>/", views.welcome, name="welcome"),
]
