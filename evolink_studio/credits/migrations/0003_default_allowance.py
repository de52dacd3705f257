"""A fresh studio works: everybody may spend without a limit until an owner sets one."""

from decimal import Decimal

from django.db import migrations

# More than the dearest generation whose price is known.
UNKNOWN_PRICE_CREDITS = Decimal(200)


def add_allowance(apps, schema_editor):
    apps.get_model("credits", "Allowance").objects.get_or_create(
        user=None,
        group=None,
        is_shared=False,
        period="month",
        defaults={"credits_limit": None, "unknown_price_credits": UNKNOWN_PRICE_CREDITS},
    )


def remove_allowance(apps, schema_editor):
    allowances = apps.get_model("credits", "Allowance").objects
    allowances.filter(user=None, group=None, is_shared=False, balances=None).delete()


class Migration(migrations.Migration):
    dependencies = [("credits", "0002_first_rate_cards")]
    operations = [migrations.RunPython(add_allowance, remove_allowance)]
