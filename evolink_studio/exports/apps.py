"""Django app: long lists as files, made by the worker."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ExportsConfig(AppConfig):
    name = "evolink_studio.exports"
    label = "exports"
    verbose_name = _("Exports")
