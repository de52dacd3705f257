"""Generations: from a submitted form to a saved film."""

from typing import Any

from django.apps import AppConfig
from django.db import DEFAULT_DB_ALIAS
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class GenerationsConfig(AppConfig):
    name = "evolink_studio.generations"
    label = "generations"
    verbose_name = _("Generations")

    def ready(self) -> None:
        """Register what other apps read of generations, and the upkeep of roll-up and index."""
        from evolink_studio.credits.usage_source import register_usage_source
        from evolink_studio.exports.sources import register_source
        from evolink_studio.generations.usage_export import USAGE_EXPORT
        from evolink_studio.generations.usage_source import GenerationUsage

        register_usage_source(GenerationUsage())
        register_source(USAGE_EXPORT)
        # All apps are told before the first migration runs, and in this order after the last.
        pre_migrate.connect(_lift_statement_timeout, sender=self)
        post_migrate.connect(_ensure_rollup, sender=self)
        post_migrate.connect(_keep_search_index, sender=self)
        post_migrate.connect(_restore_statement_timeout, sender=self)


def _lift_statement_timeout(**_kwargs: object) -> None:
    from evolink_studio.core.database import lift_statement_timeout

    lift_statement_timeout()


def _restore_statement_timeout(**_kwargs: object) -> None:
    from evolink_studio.core.database import restore_statement_timeout

    restore_statement_timeout()


def _ensure_rollup(using: str, **_kwargs: Any) -> None:
    from evolink_studio.generations.usage_rollup import ensure_rollup

    if using == DEFAULT_DB_ALIAS:
        ensure_rollup()


def _keep_search_index(**kwargs: object) -> None:
    """A migration may have rebuilt the table, and with it dropped what keeps the index."""
    from evolink_studio.generations.search_index import FILM_INDEX

    FILM_INDEX.keep()
