"""Prices of the five first models, from a public price feed of 2026-10-10 (68 credits = 1 USD)."""

from datetime import datetime, timezone
from decimal import Decimal

from django.db import migrations

EFFECTIVE_AT = datetime(2026, 10, 10, tzinfo=timezone.utc)
SOURCE = "public price feed, 2026-10-10"
RATE_CARDS = [
    ("veo3.1-pro", "call", "162", "0", []),
    (
        "kling-o3-image-to-video",
        "second",
        "5.4",
        "16.2",
        [
            {"when": {"sound": "on", "quality": "1080p"}, "times": "1.667"},
            {"when": {"sound": "on"}, "times": "1.334"},
            {"when": {"quality": "1080p"}, "times": "1.334"},
        ],
    ),
    ("sora-2-preview", "second", "5.76", "23.04", []),
    ("grok-imagine-text-to-video", "second", "1.36", "8.16", []),
    (
        "doubao-seedance-1.0-pro-fast",
        "second",
        "0.9",
        "0.9",
        [
            {"when": {"quality": "480p"}, "times": "0.45"},
            {"when": {"quality": "1080p"}, "times": "2.2"},
        ],
    ),
]


def add_rate_cards(apps, schema_editor):
    rate_card = apps.get_model("credits", "RateCard")
    for model_id, unit, price, minimum, factors in RATE_CARDS:
        rate_card.objects.get_or_create(
            model_id=model_id,
            effective_at=EFFECTIVE_AT,
            defaults={
                "unit": unit,
                "credits_per_unit": Decimal(price),
                "minimum_credits": Decimal(minimum),
                "factors": factors,
                "source": SOURCE,
            },
        )


def remove_rate_cards(apps, schema_editor):
    apps.get_model("credits", "RateCard").objects.filter(source=SOURCE).delete()


class Migration(migrations.Migration):
    dependencies = [("credits", "0001_initial")]
    operations = [migrations.RunPython(add_rate_cards, remove_rate_cards)]
