"""The roll-up of usage. It is filled, and its triggers are made, once all migrations have run."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import evolink_studio.credits.fields
from evolink_studio.generations.usage_rollup import drop_triggers


def stop_counting(apps, schema_editor):
    drop_triggers()


class Migration(migrations.Migration):

    dependencies = [
        ('generations', '0004_drafts_of_pages'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='UsageRollup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('period', models.CharField(choices=[('day', 'Day'), ('month', 'Month')], max_length=5)),
                ('starts_on', models.DateField()),
                ('model_id', models.CharField(max_length=100)),
                ('state', models.CharField(choices=[('queued', 'Waiting'), ('sending', 'Sending'), ('unknown', 'Answer lost'), ('running', 'In progress'), ('saving', 'Saving'), ('completed', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], max_length=9)),
                ('generation_count', models.PositiveBigIntegerField()),
                ('credits_estimated', evolink_studio.credits.fields.CreditsField()),
                ('credits_held', evolink_studio.credits.fields.CreditsField()),
                ('credits_charged', evolink_studio.credits.fields.CreditsField()),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'usage',
                'indexes': [models.Index(fields=['owner', 'period', 'starts_on'], name='rollup_by_owner')],
                'constraints': [models.UniqueConstraint(fields=('period', 'starts_on', 'owner', 'model_id', 'state'), name='one_rollup_per_key')],
            },
        ),
        migrations.RunPython(migrations.RunPython.noop, stop_counting),
    ]
