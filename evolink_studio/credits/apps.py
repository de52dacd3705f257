"""Django app: prices, allowances and the ledger."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CreditsConfig(AppConfig):
    name = "evolink_studio.credits"
    label = "credits"
    verbose_name = _("Credits")
