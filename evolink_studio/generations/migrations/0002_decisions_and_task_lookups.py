"""Decisions about lost answers can be seen, held against EvoLink's figures and taken back.

What the ledger reserves for a generation stands on its row, for pages that sum over many of them,
and so does its prompt as the search compares it.
"""

import django.db.models.deletion
import evolink_studio.core.search
import evolink_studio.credits.fields
from django.conf import settings
from django.db import migrations, models

from evolink_studio.core.search import fold_text


BATCH_SIZE = 1000


def copy_reserved_credits(apps, schema_editor):
    reservations = apps.get_model("credits", "Reservation").objects.filter(state="reserved")
    rows = apps.get_model("generations", "Generation").objects
    for generation_id, amount in reservations.values_list("generation_id", "credits").iterator():
        rows.filter(pk=generation_id).update(credits_held=amount)


def fold_prompts(apps, schema_editor):
    rows = apps.get_model("generations", "Generation").objects.order_by("pk").only("prompt")
    last_pk = 0
    while batch := list(rows.filter(pk__gt=last_pk)[:BATCH_SIZE]):
        for row in batch:
            row.search_text = fold_text(row.prompt)
        rows.bulk_update(batch, ["search_text"])
        last_pk = batch[-1].pk


class Migration(migrations.Migration):

    dependencies = [
        ('credits', '0005_reopened_reservations'),
        ('generations', '0001_initial'),
        ('library', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Decision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('link', 'task linked'), ('unlink', 'task unlinked'), ('never', 'EvoLink never took it'), ('charged', 'charged without a film')], max_length=7)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('decided_at', models.DateTimeField()),
                ('task_id', models.CharField(blank=True, max_length=128)),
                ('credits_charged', evolink_studio.credits.fields.CreditsField(help_text='What the unlinked task cost.', null=True)),
                ('contradiction', models.CharField(blank=True, choices=[('callback', 'a callback on its secret address names a task'), ('answer', "EvoLink's own answer came late and names a task"), ('task', 'the task list has a task of that model and moment'), ('balance', 'the balance fell by more than the book explains')], max_length=8)),
                ('contradicted_at', models.DateTimeField(null=True)),
                ('contradicting_task_id', models.CharField(blank=True, max_length=128)),
                ('needs_look', models.BooleanField(default=False)),
                ('closed_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'decision',
                'verbose_name_plural': 'decisions',
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='TaskLookup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('task_id', models.CharField(max_length=128, verbose_name='task at EvoLink')),
                ('requested_at', models.DateTimeField()),
                ('answered_at', models.DateTimeField(null=True)),
                ('outcome', models.CharField(blank=True, choices=[('found', 'EvoLink knows this task'), ('not_found', 'EvoLink knows no such task, or it belongs to the key of another account'), ('refused', "EvoLink refuses to show this task to the studio's key"), ('unanswered', 'EvoLink could not be reached')], max_length=10)),
                ('reply', models.JSONField(null=True)),
            ],
            options={
                'verbose_name': 'task lookup',
                'verbose_name_plural': 'task lookups',
            },
        ),
        migrations.AddField(
            model_name='generation',
            name='credits_held',
            field=evolink_studio.credits.fields.CreditsField(help_text='What the ledger reserves for it now; empty once nothing is reserved.', null=True, verbose_name='reserved now'),
        ),
        migrations.AddField(
            model_name='generation',
            name='search_text',
            field=evolink_studio.core.search.FoldedTextField(blank=True, default='', editable=False, source='prompt'),
        ),
        migrations.AlterField(
            model_name='generation',
            name='credits_charged',
            field=evolink_studio.credits.fields.CreditsField(null=True, verbose_name='charged credits'),
        ),
        migrations.AlterField(
            model_name='generation',
            name='credits_reserved',
            field=evolink_studio.credits.fields.CreditsField(null=True, verbose_name='credits reserved by EvoLink'),
        ),
        migrations.AddIndex(
            model_name='generation',
            index=models.Index(condition=models.Q(('credits_held__isnull', False)), fields=['owner', 'credits_held'], name='generation_held'),
        ),
        migrations.AddField(
            model_name='decision',
            name='actor',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='decision',
            name='films',
            field=models.ManyToManyField(blank=True, related_name='+', to='library.asset'),
        ),
        migrations.AddField(
            model_name='decision',
            name='generation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='decisions', to='generations.generation'),
        ),
        migrations.AddField(
            model_name='tasklookup',
            name='generation',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='lookups', to='generations.generation'),
        ),
        migrations.AddField(
            model_name='tasklookup',
            name='requested_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='decision',
            index=models.Index(condition=models.Q(('needs_look', True)), fields=['kind', 'generation'], name='decision_to_look_at'),
        ),
        migrations.AddIndex(
            model_name='decision',
            index=models.Index(fields=['kind', 'decided_at'], name='decision_by_kind'),
        ),
        migrations.AddIndex(
            model_name='decision',
            index=models.Index(fields=['task_id'], name='decision_by_task'),
        ),
        migrations.AddIndex(
            model_name='tasklookup',
            index=models.Index(condition=models.Q(('answered_at__isnull', True)), fields=['requested_at'], name='lookup_waiting'),
        ),
        migrations.RunPython(copy_reserved_credits, migrations.RunPython.noop),
        migrations.RunPython(fold_prompts, migrations.RunPython.noop),
    ]
