"""Django app: what a person does with finished generations: order, find, compare, hand over."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FilmsConfig(AppConfig):
    name = "evolink_studio.films"
    label = "films"
    verbose_name = _("Films")
