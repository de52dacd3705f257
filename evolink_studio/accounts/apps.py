"""Django app: users and sign-in."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "evolink_studio.accounts"
    label = "accounts"
    verbose_name = _("People")
