from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("credits", "0005_reopened_reservations")]

    operations = [
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(fields=["balance", "id"], name="entry_by_balance"),
        ),
    ]
