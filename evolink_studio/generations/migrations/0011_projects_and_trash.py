"""Usage is counted by project, too, and the trash has its indexes.

The triggers are dropped first; `migrate` makes them again and counts everything afresh.
"""

from django.conf import settings
from django.db import migrations, models

from evolink_studio.generations.usage_rollup import drop_triggers


def stop_counting(apps, schema_editor):
    drop_triggers()


class Migration(migrations.Migration):

    dependencies = [
        ('generations', '0010_films_page'),
        ('library', '0007_asset_origins'),
        ('projects', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(stop_counting, migrations.RunPython.noop),
        migrations.RemoveConstraint(
            model_name='usagerollup',
            name='one_rollup_per_key',
        ),
        migrations.AddField(
            model_name='usagerollup',
            name='project_id',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddIndex(
            model_name='generation',
            index=models.Index(condition=models.Q(('emptied_at__isnull', True), ('trashed_at__isnull', False)), fields=['owner', '-trashed_at', '-id'], name='generation_trash'),
        ),
        migrations.AddIndex(
            model_name='generation',
            index=models.Index(condition=models.Q(('emptied_at__isnull', True), ('trashed_at__isnull', False)), fields=['trashed_at', 'id'], name='generation_to_empty'),
        ),
        migrations.AddIndex(
            model_name='usagerollup',
            index=models.Index(condition=models.Q(('project_id__gt', 0)), fields=['project_id', 'period', 'starts_on'], name='rollup_by_project'),
        ),
        migrations.AddConstraint(
            model_name='usagerollup',
            constraint=models.UniqueConstraint(fields=('period', 'starts_on', 'owner', 'model_id', 'state', 'project_id'), name='one_rollup_per_key'),
        ),
        migrations.RunPython(migrations.RunPython.noop, stop_counting),
    ]
