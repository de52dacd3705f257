"""Django app: uploaded files and films made here."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class LibraryConfig(AppConfig):
    name = "evolink_studio.library"
    label = "library"
    verbose_name = _("Library")

    def ready(self) -> None:
        """Keep the index of the search after migrations."""
        post_migrate.connect(_keep_search_index, sender=self)


def _keep_search_index(**kwargs: object) -> None:
    """A migration may have rebuilt the table, and with it dropped what keeps the index."""
    from evolink_studio.library.search_index import NAME_INDEX

    NAME_INDEX.keep()
