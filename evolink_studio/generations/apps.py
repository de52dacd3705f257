"""The work: from a filled form to a kept film."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GenerationsConfig(AppConfig):
    name = "evolink_studio.generations"
    label = "generations"
    verbose_name = _("Generations")

    def ready(self) -> None:
        """The book of credits learns whom to ask about generations."""
        from evolink_studio.credits import audit, price_accuracy
        from evolink_studio.generations import accounting

        audit.expected_charges = accounting.expected_charges
        price_accuracy.usage_source = accounting.usage_samples
        price_accuracy.generation_url = accounting.get_admin_url
