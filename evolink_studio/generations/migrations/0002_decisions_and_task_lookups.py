"""Decisions about lost answers can be seen, held against EvoLink's figures and taken back."""

import django.db.models.deletion
import evolink_studio.credits.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
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
                ('actor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('films', models.ManyToManyField(blank=True, related_name='+', to='library.asset')),
                ('generation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='decisions', to='generations.generation')),
            ],
            options={
                'verbose_name': 'decision',
                'verbose_name_plural': 'decisions',
                'ordering': ['pk'],
                'indexes': [models.Index(condition=models.Q(('needs_look', True)), fields=['kind', 'generation'], name='decision_to_look_at'), models.Index(fields=['kind', 'decided_at'], name='decision_by_kind'), models.Index(fields=['task_id'], name='decision_by_task')],
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
                ('generation', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='lookups', to='generations.generation')),
                ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'task lookup',
                'verbose_name_plural': 'task lookups',
                'indexes': [models.Index(condition=models.Q(('answered_at__isnull', True)), fields=['requested_at'], name='lookup_waiting')],
            },
        ),
    ]
