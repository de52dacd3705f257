from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generations", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="generation",
            name="put_away",
            field=models.DateTimeField(
                help_text="The person stopped watching; the work goes on.",
                null=True,
                verbose_name="put away",
            ),
        ),
    ]
