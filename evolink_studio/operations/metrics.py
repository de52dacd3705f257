"""Metrics for Prometheus, read from the database at each request.

Web and worker are several processes, perhaps on several machines, and share only the database.
Amounts are credits, as floats, which is all that Prometheus has.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import Error, connection
from django.db.models import Count, Min, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from evolink_studio.core.calendar import get_day
from evolink_studio.credits.queries import get_provider_account
from evolink_studio.generations.incidents import get_unsettled_totals
from evolink_studio.generations.models import Generation, Heartbeat
from evolink_studio.generations.pipeline.provider import get_provider_key
from evolink_studio.generations.states import ENDED_STATES, LIVE_STATES, State
from evolink_studio.generations.usage_report import UsageFilter, sum_usage

OUTCOME_PERIOD = timedelta(hours=24)
_SIZE_QUERY_BY_VENDOR = {
    "postgresql": "SELECT pg_database_size(current_database())",
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
}
MetricFamilies = Iterator[GaugeMetricFamily]


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All metrics, for a request with `METRICS_TOKEN` as a bearer token; 404 for any other."""
    if not _is_authorized(request.headers.get("Authorization", "")):
        raise Http404
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StudioCollector(timezone.now()))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    try:
        return HttpResponse(encode(registry), content_type=content_type)
    except Error:
        return HttpResponse("The database does not answer.\n", "text/plain", status=503)


def _is_authorized(authorization: str) -> bool:
    token = settings.METRICS_TOKEN
    return bool(token) and constant_time_compare(authorization, f"Bearer {token}")


class StudioCollector(Collector):
    """The metrics as of `now`. Eight queries, none of which scans all ended generations."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def describe(self) -> MetricFamilies:
        """Empty: registering must not query the database."""
        return iter(())

    def collect(self) -> MetricFamilies:
        for collect_group in (
            _collect_queue,
            _collect_outcomes,
            _collect_credits,
            _collect_account,
            _collect_workers,
        ):
            yield from collect_group(self._now)
        yield _build_gauge(
            "database_bytes", "Size of the database, with its indexes.", _get_database_bytes()
        )
        yield _build_gauge(
            "disk_free_bytes", "Free on the disk of the web server.", _get_free_disk_bytes()
        )


def _collect_queue(now: datetime) -> MetricFamilies:
    """Live generations. `next_attempt_at` in the filter makes the index of due rows usable."""
    is_late = Q(next_attempt_at__lt=now)
    rows = (
        Generation.objects.filter(
            state__in=LIVE_STATES - {State.UNKNOWN}, next_attempt_at__isnull=False
        )
        .order_by()
        .values("state")
        .annotate(
            n=Count("pk"),
            waiting=Count("pk", filter=is_late),
            oldest=Min("next_attempt_at", filter=is_late),
            failing=Count("pk", filter=Q(attempts__gt=0)),
        )
    )
    row_by_state = {row["state"]: row for row in rows}
    states = [state.value for state in sorted(LIVE_STATES - {State.UNKNOWN})]
    columns: tuple[tuple[str, str, Callable[[str], float]], ...] = (
        ("generations", "Generations under way.", lambda state: row_by_state[state]["n"]),
        ("due", "Due, and not in a worker's hands.", lambda state: row_by_state[state]["waiting"]),
        (
            "lateness_seconds",
            "How late the oldest due one is.",
            lambda state: _seconds_since(now, row_by_state[state]["oldest"]),
        ),
        (
            "retried",
            "Whose last look brought nothing.",
            lambda state: row_by_state[state]["failing"],
        ),
    )
    for name, text, get_value in columns:
        values = {state: get_value(state) if state in row_by_state else 0 for state in states}
        yield _build_labelled_gauge(name, text, "state", values)


def _collect_outcomes(now: datetime) -> MetricFamilies:
    rows = (
        Generation.objects.filter(created_at__gte=now - OUTCOME_PERIOD, state__in=ENDED_STATES)
        .order_by()
        .values_list("state")
        .annotate(n=Count("pk"))
    )
    counts = dict.fromkeys((state.value for state in sorted(ENDED_STATES)), 0) | dict(rows)
    text = "How generations of the last 24 hours ended."
    yield _build_labelled_gauge("ended_24h", text, "state", counts)


def _collect_credits(now: datetime) -> MetricFamilies:
    unsettled = get_unsettled_totals(now=now)
    today = get_day(now)
    today_totals = sum_usage(UsageFilter(today, today))
    yield _build_gauge(
        "credits_reserved", "Credits that the ledger reserves now.", unsettled.credits_reserved
    )
    yield _build_gauge(
        "credits_charged_today",
        "Credits charged since 0:00 UTC.",
        today_totals.credits_charged,
    )
    yield _build_gauge(
        "unsaved_films", "Made and paid, not copied here yet.", unsettled.unsaved_count
    )
    text = "Generations whose money or film a person should look at."
    yield _build_labelled_gauge("attention", text, "reason", unsettled.counts_by_type)


def _collect_account(now: datetime) -> MetricFamilies:
    account = get_provider_account(provider_key=get_provider_key())
    if account.credits_available is not None:
        yield _build_gauge(
            "balance_credits", "Credits left at EvoLink, as last read.", account.credits_available
        )
    if account.read_at is not None:
        yield _build_gauge(
            "balance_age_seconds", "Since EvoLink last told.", _seconds_since(now, account.read_at)
        )
    is_key_rejected = account.key_state == account.KeyState.REJECTED
    yield _build_gauge(
        "key_refused", "1 when EvoLink does not accept the key.", int(is_key_rejected)
    )


def _collect_workers(now: datetime) -> MetricFamilies:
    heartbeats = list(Heartbeat.objects.all())
    ages = {heartbeat.worker: _seconds_since(now, heartbeat.seen_at) for heartbeat in heartbeats}
    yield _build_labelled_gauge(
        "heartbeat_age_seconds", "Since a worker was last heard of.", "worker", ages
    )
    disks = {heartbeat.worker: heartbeat.disk_free_bytes for heartbeat in heartbeats}
    yield _build_labelled_gauge(
        "worker_disk_free_bytes", "Free on the disk of a worker.", "worker", disks
    )


def _get_database_bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_SIZE_QUERY_BY_VENDOR[connection.vendor])
        return int(cursor.fetchone()[0])


def _get_free_disk_bytes() -> int:
    return shutil.disk_usage(settings.DATA_DIR).free


def _seconds_since(now: datetime, moment: datetime | None) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0


def _build_gauge(name: str, text: str, value: float | Decimal) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"studio_{name}", text, value=float(value))


def _build_labelled_gauge(
    name: str, text: str, label: str, values: Mapping[str, float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"studio_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
