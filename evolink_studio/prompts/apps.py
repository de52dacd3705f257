"""Django app: what is written more than once: presets, templates, and the cast."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PromptsConfig(AppConfig):
    name = "evolink_studio.prompts"
    label = "prompts"
    verbose_name = _("Prompts")
