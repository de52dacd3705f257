from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generations", "0004_feed_money")]

    operations = [
        migrations.AddField(
            model_name="generation",
            name="parked",
            field=models.DateTimeField(
                help_text="When a worker last saw its film, whole, on its own disk and not in the "
                "library.",
                null=True,
                verbose_name="copy seen here",
            ),
        ),
    ]
