"""The tables are as the models say."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

STUDIO_APPS = sorted(
    config.label for config in apps.get_app_configs() if config.name.startswith("evolink_studio.")
)


@pytest.mark.django_db
def test_no_change_of_a_model_lacks_its_migration(capsys):
    call_command("makemigrations", *STUDIO_APPS, check=True, dry_run=True, verbosity=1)
    assert "No changes detected" in capsys.readouterr().out


@pytest.mark.django_db
def test_every_migration_has_run_and_each_app_has_one_end():
    executor = MigrationExecutor(connection)
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []
    assert executor.loader.detect_conflicts() == {}


def test_every_migration_can_be_undone_or_says_nothing_of_data():
    loader = MigrationLoader(None)
    for (label, name), migration in loader.disk_migrations.items():
        if label in STUDIO_APPS:
            irreversible_steps = [
                type(step).__name__ for step in migration.operations if not step.reversible
            ]
            assert not irreversible_steps, f"{label}.{name} cannot be undone: {irreversible_steps}"


def test_every_migration_is_named_for_what_it_does():
    names = [name for label, name in MigrationLoader(None).disk_migrations if label in STUDIO_APPS]
    assert not [name for name in names if "_auto_" in name or name.endswith("_auto")]
