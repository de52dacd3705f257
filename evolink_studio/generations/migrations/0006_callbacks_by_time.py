from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generations", "0005_parked_films")]

    operations = [
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["-at", "-id"], name="callback_newest"),
        ),
    ]
