"""A fresh studio works: everybody may spend without a limit until an owner sets one."""

from decimal import Decimal

from django.db import migrations

# More than the dearest generation whose price is known.
UNKNOWN_PRICE = Decimal(200)


def add(apps, schema_editor):
    apps.get_model("credits", "Allowance").objects.get_or_create(
        person=None,
        group=None,
        shared=False,
        period="month",
        defaults={"amount": None, "unknown_price": UNKNOWN_PRICE},
    )


def remove(apps, schema_editor):
    allowances = apps.get_model("credits", "Allowance").objects
    allowances.filter(person=None, group=None, shared=False, purses=None).delete()


class Migration(migrations.Migration):
    dependencies = [("credits", "0003_the_book")]
    operations = [migrations.RunPython(add, remove)]
