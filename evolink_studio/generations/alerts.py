"""Telling admins about money and films at risk, once for each reason."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import translation

from evolink_studio.generations.attention import BY_NAME, Needy, needy
from evolink_studio.generations.models import Alert

MOST = 200
# Reasons that mend themselves within minutes are not worth waking anybody for.
PATIENCE = {
    "unknown": timedelta(minutes=15),
    "unsendable": timedelta(minutes=5),
    "stalled": timedelta(hours=1),
}


def new_alerts(*, now: datetime) -> list[Needy]:
    """What an admin has to hear now and was not told yet. It counts as told from here on."""
    fresh = [item for item in needy(now=now, limit=MOST, untold=True) if _is_due(item, now)]
    Alert.objects.bulk_create(
        [Alert(generation=i.generation, reason=i.reason.name, told=now) for i in fresh],
        ignore_conflicts=True,
    )
    return fresh


def _is_due(item: Needy, now: datetime) -> bool:
    since = item.generation.moved or item.generation.created
    return now - since >= PATIENCE.get(item.reason.name, timedelta(0))


def message(alerts: Sequence[Needy], *, address: str) -> tuple[str, str]:
    """Subject and body of one mail for all of them, in English."""
    with translation.override("en"):
        lines = [
            f"- {item.reason.label}: generation {item.generation.pk} ({item.generation.model_id}) "
            f"of {item.generation.owner}"
            for item in alerts
        ]
        reasons = {item.reason.name for item in alerts}
        advice = [f"{BY_NAME[name].label}: {BY_NAME[name].advice}" for name in sorted(reasons)]
    subject = f"EvoLink Studio: {len(alerts)} to look at"
    where = f"{address}/admin/generations/generation/" if address else "the admin pages"
    return subject, "\n".join([*lines, "", *advice, "", f"See {where}."])
