"""Django app: prices, allowances and the ledger."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CreditsConfig(AppConfig):
    name = "evolink_studio.credits"
    label = "credits"
    verbose_name = _("Credits")

    def ready(self) -> None:
        """Register the lists that can be exported."""
        from evolink_studio.credits.ledger_export import GENERATION_EXPORT, LEDGER_EXPORT
        from evolink_studio.exports.sources import register_source

        register_source(LEDGER_EXPORT)
        register_source(GENERATION_EXPORT)
