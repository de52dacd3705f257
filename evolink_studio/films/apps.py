"""Django app: what a person does with finished generations: order, find, compare, hand over."""

from typing import Any

from django.apps import AppConfig
from django.db import DEFAULT_DB_ALIAS
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class FilmsConfig(AppConfig):
    name = "evolink_studio.films"
    label = "films"
    verbose_name = _("Films")

    def ready(self) -> None:
        """Let every migration end with facet sets that the database keeps."""
        post_migrate.connect(_ensure_facet_sets, sender=self)


def _ensure_facet_sets(using: str, **_kwargs: Any) -> None:
    from evolink_studio.films.facet_sets import ensure_facet_sets

    if using == DEFAULT_DB_ALIAS:
        ensure_facet_sets()
