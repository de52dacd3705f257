"""A wrong decision can be taken back: a closed reservation is opened again, for one more round."""

from importlib import import_module

import evolink_studio.credits.fields
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


final_entries = import_module("evolink_studio.credits.migrations.0004_ledger_entries_are_final")


def protect_rebuilt_table(apps, schema_editor):
    """SQLite rebuilt the table of the ledger and dropped its triggers with the old one."""
    if schema_editor.connection.vendor == "sqlite":
        for statement in final_entries.UNPROTECT["sqlite"]:
            schema_editor.execute(statement)
        final_entries.protect_entries(apps, schema_editor)


class Migration(migrations.Migration):

    dependencies = [
        ('credits', '0004_ledger_entries_are_final'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BalanceReading',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider_key', models.CharField(max_length=200)),
                ('read_at', models.DateTimeField()),
                ('credits_available', evolink_studio.credits.fields.CreditsField()),
                ('credits_used', evolink_studio.credits.fields.CreditsField(null=True)),
            ],
            options={
                'verbose_name': 'reading of the balance',
                'verbose_name_plural': 'readings of the balance',
            },
        ),
        migrations.RemoveConstraint(
            model_name='ledgerentry',
            name='entry_ends_once',
        ),
        migrations.RemoveConstraint(
            model_name='ledgerentry',
            name='entry_kind_matches_deltas',
        ),
        migrations.AddField(
            model_name='ledgerentry',
            name='round',
            field=models.PositiveSmallIntegerField(default=0, help_text='How often it had been opened again by then.'),
        ),
        migrations.AddField(
            model_name='reservation',
            name='round',
            field=models.PositiveSmallIntegerField(default=0, help_text='How often it was opened again after its end.'),
        ),
        migrations.AlterField(
            model_name='ledgerentry',
            name='kind',
            field=models.CharField(choices=[('reserve', 'reserved'), ('adjust', 'reservation changed by EvoLink'), ('settle', 'charged'), ('release', 'returned'), ('correct', 'corrected'), ('reopen', 'opened again')], max_length=7, verbose_name='kind'),
        ),
        migrations.AddConstraint(
            model_name='ledgerentry',
            constraint=models.UniqueConstraint(condition=models.Q(('kind__in', ['settle', 'release'])), fields=('generation_id', 'balance', 'round'), name='entry_ends_once_a_round'),
        ),
        migrations.AddConstraint(
            model_name='ledgerentry',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'reopen')), fields=('generation_id', 'balance', 'round'), name='entry_reopens_once_a_round'),
        ),
        migrations.AddConstraint(
            model_name='ledgerentry',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('credits_charged_delta', Decimal('0')), ('credits_reserved_delta__gte', Decimal('0')), ('kind', 'reserve')), models.Q(('credits_charged_delta', Decimal('0')), ('kind', 'adjust')), models.Q(('credits_charged_delta__gte', Decimal('0')), ('credits_reserved_delta__lte', Decimal('0')), ('kind', 'settle')), models.Q(('credits_charged_delta', Decimal('0')), ('credits_reserved_delta__lte', Decimal('0')), ('kind', 'release')), models.Q(('credits_reserved_delta', Decimal('0')), ('kind', 'correct')), models.Q(('credits_charged_delta__lte', Decimal('0')), ('credits_reserved_delta__gte', Decimal('0')), ('kind', 'reopen'), ('round__gt', 0)), _connector='OR'), name='entry_kind_matches_deltas'),
        ),
        migrations.AddIndex(
            model_name='balancereading',
            index=models.Index(fields=['provider_key', 'read_at'], name='reading_by_moment'),
        ),
        migrations.RunPython(protect_rebuilt_table, migrations.RunPython.noop),
    ]
