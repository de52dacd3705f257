"""Figures for Prometheus, read from the database at the moment of the question.

Web and worker are several processes, perhaps on several machines: the rows are what they share, so
the rows are what is counted. Amounts are credits; a float is as exact as Prometheus can be.
"""

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import Error
from django.db.models import Count, Min, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from evolink_studio.credits.queries import provider_account
from evolink_studio.generations.incidents import unsettled_totals
from evolink_studio.generations.models import Generation, Heartbeat
from evolink_studio.generations.pipeline.provider import provider_key
from evolink_studio.generations.states import ENDED_STATES, LIVE_STATES, State
from evolink_studio.generations.usage_report import created_filter, usage_totals

LATELY = timedelta(hours=24)
Families = Iterator[GaugeMetricFamily]


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All figures, for who brings `METRICS_TOKEN`. Anybody else does not learn that they exist."""
    if not _may_read(request.headers.get("Authorization", "")):
        raise Http404
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StudioCollector(timezone.now()))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    try:
        return HttpResponse(encode(registry), content_type=content_type)
    except Error:
        return HttpResponse("The database does not answer.\n", "text/plain", status=503)


def _may_read(authorization: str) -> bool:
    token = settings.METRICS_TOKEN
    return bool(token) and constant_time_compare(authorization, f"Bearer {token}")


class StudioCollector(Collector):
    """The figures as they stand at `now`. Six queries, none of which walks through what ended."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def describe(self) -> Families:
        """Nothing beforehand: registering must not ask the database."""
        return iter(())

    def collect(self) -> Families:
        for part in (_queue, _outcomes, _money, _account, _workers):
            yield from part(self._now)
        yield _one("disk_free_bytes", "Free on the disk of the web server.", _own_disk())


def _queue(now: datetime) -> Families:
    """What is under way. `due` in the condition lets the index of due rows answer."""
    late = Q(next_attempt_at__lt=now)
    rows = (
        Generation.objects.filter(
            state__in=LIVE_STATES - {State.UNKNOWN}, next_attempt_at__isnull=False
        )
        .order_by()
        .values("state")
        .annotate(
            n=Count("pk"),
            waiting=Count("pk", filter=late),
            oldest=Min("next_attempt_at", filter=late),
            troubled=Count("pk", filter=Q(attempts__gt=0)),
        )
    )
    found = {row["state"]: row for row in rows}
    states = [state.value for state in sorted(LIVE_STATES - {State.UNKNOWN})]
    columns: tuple[tuple[str, str, Callable[[str], float]], ...] = (
        ("generations", "Generations under way.", lambda s: found[s]["n"]),
        ("due", "Due, and not in a worker's hands.", lambda s: found[s]["waiting"]),
        (
            "lateness_seconds",
            "How late the oldest due one is.",
            lambda s: _seconds(now, found[s]["oldest"]),
        ),
        ("retried", "Whose last look brought nothing.", lambda s: found[s]["troubled"]),
    )
    for name, text, value in columns:
        yield _many(name, text, "state", {s: value(s) if s in found else 0 for s in states})


def _outcomes(now: datetime) -> Families:
    rows = (
        Generation.objects.filter(created_at__gte=now - LATELY, state__in=ENDED_STATES)
        .order_by()
        .values_list("state")
        .annotate(n=Count("pk"))
    )
    counts = dict.fromkeys((state.value for state in sorted(ENDED_STATES)), 0) | dict(rows)
    text = "How generations of the last 24 hours ended."
    yield _many("ended_24h", text, "state", counts)


def _money(now: datetime) -> Families:
    unsettled = unsettled_totals(now=now)
    today = usage_totals(Generation.objects.filter(created_filter(now.date(), now.date())))
    yield _one("credits_reserved", "Credits reserved at EvoLink.", unsettled.credits_reserved)
    yield _one(
        "credits_charged_today",
        "Credits charged for today's, since 0:00 UTC.",
        today.credits_charged,
    )
    yield _one("unsaved_films", "Made and paid, not copied here yet.", unsettled.unsaved_count)
    text = "Generations whose money or film a person should look at."
    yield _many("attention", text, "reason", unsettled.counts_by_type)


def _account(now: datetime) -> Families:
    account = provider_account(provider_key=provider_key())
    if account.credits_available is not None:
        yield _one(
            "balance_credits", "Credits left at EvoLink, as last read.", account.credits_available
        )
    if account.read_at is not None:
        yield _one(
            "balance_age_seconds", "Since EvoLink last told.", _seconds(now, account.read_at)
        )
    refused = account.key_state == account.KeyState.REJECTED
    yield _one("key_refused", "1 when EvoLink does not accept the key.", int(refused))


def _workers(now: datetime) -> Families:
    beats = list(Heartbeat.objects.all())
    ages = {beat.worker: _seconds(now, beat.seen_at) for beat in beats}
    yield _many("heartbeat_age_seconds", "Since a worker was last heard of.", "worker", ages)
    disks = {beat.worker: beat.disk_free_bytes for beat in beats}
    yield _many("worker_disk_free_bytes", "Free on the disk of a worker.", "worker", disks)


def _own_disk() -> int:
    return shutil.disk_usage(settings.DATA_DIR).free


def _seconds(now: datetime, moment: datetime | None) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0


def _one(name: str, text: str, value: float | Decimal) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"studio_{name}", text, value=float(value))


def _many(
    name: str, text: str, label: str, values: dict[str, float] | dict[str, int]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"studio_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
