"""Django app: films shown to guests, who have no account."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SharingConfig(AppConfig):
    name = "evolink_studio.sharing"
    label = "sharing"
    verbose_name = _("Sharing")
