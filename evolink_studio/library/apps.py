"""Django app: uploaded files and films made here."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LibraryConfig(AppConfig):
    name = "evolink_studio.library"
    label = "library"
    verbose_name = _("Library")
