from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generations", "0003_refused_callbacks")]

    operations = [
        migrations.AddField(
            model_name="feed",
            name="money",
            field=models.PositiveBigIntegerField(
                default=0, help_text="Counts the changes that may have touched credits."
            ),
        ),
    ]
