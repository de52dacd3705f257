from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generations", "0002_put_away")]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="refused",
            field=models.CharField(
                blank=True,
                choices=[
                    ("other_task", "names another task"),
                    ("too_large", "too large"),
                    ("too_many", "too many"),
                ],
                max_length=10,
                verbose_name="refused",
            ),
        ),
    ]
