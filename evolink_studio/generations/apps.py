"""Generations: from a submitted form to a saved film."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GenerationsConfig(AppConfig):
    name = "evolink_studio.generations"
    label = "generations"
    verbose_name = _("Generations")

    def ready(self) -> None:
        """Register the source from which `credits` reads generations."""
        from evolink_studio.credits.usage_source import register_usage_source
        from evolink_studio.generations.usage_source import GenerationUsage

        register_usage_source(GenerationUsage())
