"""The admin index page: account, credits, worker and open incidents."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.http import urlencode
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evolink_studio.core.calendar import get_day, get_month_start
from evolink_studio.core.formatting import format_clock, format_credits
from evolink_studio.credits.models import ProviderAccount
from evolink_studio.credits.queries import get_provider_account
from evolink_studio.generations import queries
from evolink_studio.generations.incidents import (
    INCIDENT_TYPES,
    Incident,
    IncidentAction,
    IncidentName,
    UnsettledTotals,
    count_incidents,
    get_unsettled_totals,
    list_open_incidents,
)
from evolink_studio.generations.pipeline.provider import get_provider_key
from evolink_studio.generations.usage_report import (
    ChargedTotals,
    get_failure_rate_start,
    sum_recent_charges,
)

MAX_INCIDENTS = 20
MAX_BALANCE_AGE = timedelta(minutes=10)
DISK_WARNING_BYTES = 5 * 10**9
GOOD, WARNING, BAD = "good", "warning", "bad"


@dataclass(frozen=True)
class Tile:
    """One figure with its label and explanation. `tone`: GOOD, WARNING, BAD or ""."""

    label: str
    value: str
    note: str = ""
    tone: str = ""
    url: str = ""


@dataclass(frozen=True)
class IncidentRow:
    """One line of "money at risk", with the actions that its type allows; "" as URL if not."""

    pk: int
    name: str
    url: str
    username: str
    reason: str
    advice: str
    credits: str
    age: str
    can_refresh: bool
    can_cancel: bool
    resolve_url: str
    callbacks_url: str


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Context of the admin index. Six queries."""
    now = timezone.now()
    unsettled = get_unsettled_totals(now=now)
    tiles = (
        *_account_tiles(get_provider_account(provider_key=get_provider_key()), now),
        *_money_tiles(unsettled, sum_recent_charges(now=now), now),
        *_trouble_tiles(unsettled),
        *_machine_tiles(now),
    )
    incidents = [
        _incident_row(item, now) for item in list_open_incidents(now=now, limit=MAX_INCIDENTS)
    ]
    return {
        **context,
        "title": _("Overview"),
        "tiles": tiles,
        "incidents": incidents,
        "incident_links": [
            (
                incident_type.label,
                unsettled.counts_by_type[incident_type.name],
                _generations_url(look=incident_type.name),
            )
            for incident_type in INCIDENT_TYPES
            if unsettled.counts_by_type[incident_type.name]
        ],
        "is_sandbox": settings.SANDBOXED,
    }


def incident_badge(request: HttpRequest) -> str:
    """The number of incidents for the sidebar; "" for none."""
    count = count_incidents(now=timezone.now())
    return number_format(count, force_grouping=True) if count else ""


def _account_tiles(account: ProviderAccount, now: datetime) -> tuple[Tile, ...]:
    label, url = _("Balance at EvoLink"), reverse("admin:credits_provideraccount_changelist")
    balance = format_credits(account.credits_available)
    read_text = (
        _("read {age} ago").format(age=timesince(account.read_at, now, depth=1))
        if account.read_at
        else ""
    )
    if account.key_state == ProviderAccount.KeyState.REJECTED:
        advice = _(
            "EvoLink refuses the key. Put a valid one into EVOLINK_API_KEY and start the studio "
            "again; until then nothing can be made."
        )
        return (Tile(label, balance, f"{advice} {read_text}".strip(), BAD, url),)
    if account.read_at is None:
        return (
            Tile(label, balance, _("Not read yet: the worker asks once a minute."), WARNING, url),
        )
    if now - account.read_at > MAX_BALANCE_AGE:
        return (Tile(label, balance, _("Old: {read}.").format(read=read_text), WARNING, url),)
    return (
        Tile(label, balance, _("The key is accepted; {read}.").format(read=read_text), GOOD, url),
    )


def _money_tiles(
    unsettled: UnsettledTotals, charged_totals: ChargedTotals, now: datetime
) -> tuple[Tile, ...]:
    today = get_day(now)
    failure_rate = (
        Decimal(charged_totals.failed_count * 100) / charged_totals.ended_count
        if charged_totals.ended_count
        else None
    )
    failed_of_ended = _("{failed} of {ended} that ended").format(
        failed=charged_totals.failed_count, ended=charged_totals.ended_count
    )
    return (
        Tile(
            _("Reserved now"),
            format_credits(unsettled.credits_reserved),
            ngettext(
                "Credits held for {n} generation.",
                "Credits held for {n} generations.",
                unsettled.reserved_count,
            ).format(n=unsettled.reserved_count),
            url=_generations_url(held="1"),
        ),
        Tile(
            _("Charged today"),
            format_credits(charged_totals.today),
            _("Since midnight UTC."),
            url=_usage_url(today, today),
        ),
        Tile(
            _("Charged this month"),
            format_credits(charged_totals.month),
            _("Since the first, UTC."),
            url=_usage_url(get_month_start(today), today),
        ),
        Tile(
            _("Failed in 7 days"),
            "–" if failure_rate is None else f"{number_format(failure_rate, decimal_pos=1)} %",
            failed_of_ended,
            url=_generations_url(
                state__exact="failed",
                accounted_from=f"{get_failure_rate_start(now)}",
                accounted_to=f"{today}",
            ),
        ),
    )


def _trouble_tiles(unsettled: UnsettledTotals) -> tuple[Tile, ...]:
    unknown_count = unsettled.counts_by_type[IncidentName.ANSWER_LOST]
    return (
        Tile(
            _("Answers lost"),
            str(unknown_count),
            _("Sent, but whether EvoLink took it is not known.") if unknown_count else _("None."),
            WARNING if unknown_count else GOOD,
            _generations_url(look=IncidentName.ANSWER_LOST),
        ),
        Tile(
            _("Films not saved yet"),
            str(unsettled.unsaved_count),
            _("Made and paid; being copied here.") if unsettled.unsaved_count else _("None."),
            WARNING if unsettled.counts_by_type[IncidentName.NOT_SAVED] else GOOD,
            _generations_url(state__exact="saving"),
        ),
    )


def _machine_tiles(now: datetime) -> tuple[Tile, ...]:
    heartbeat = queries.get_newest_heartbeat()
    if heartbeat is None:
        note = _("It was never seen. Start it: without it nothing is sent or saved.")
        return (Tile(_("Worker"), _("not running"), note, BAD),)
    seen_text = _("Last seen {age} ago.").format(age=format_clock(now - heartbeat.seen_at))
    is_away = not heartbeat.is_alive(now)
    note = _("Start it again: without it nothing is sent or saved.")
    is_low, is_full = (
        heartbeat.disk_free_bytes < DISK_WARNING_BYTES,
        not heartbeat.has_space,
    )
    return (
        Tile(
            _("Worker"),
            _("not running") if is_away else _("running"),
            f"{seen_text} {note}" if is_away else seen_text,
            BAD if is_away else GOOD,
        ),
        Tile(
            _("Disk free"),
            filesizeformat(heartbeat.disk_free_bytes),
            _("Films cannot be saved on a full disk.") if is_low else "",
            (BAD if is_full else WARNING) if is_low else GOOD,
        ),
    )


def _incident_row(incident: Incident, now: datetime) -> IncidentRow:
    generation, actions = incident.generation, incident.type.actions
    page_url = generation.get_admin_url()
    return IncidentRow(
        pk=generation.pk,
        name=str(generation),
        url=page_url,
        username=generation.owner.get_username(),
        reason=str(incident.type.label),
        advice=str(incident.type.advice),
        credits=format_credits(
            generation.credits_charged
            if generation.credits_held is None
            else generation.credits_held
        ),
        age=timesince(generation.created_at, now, depth=1),
        can_refresh=IncidentAction.REFRESH in actions,
        can_cancel=IncidentAction.CANCEL in actions,
        resolve_url=f"{page_url}#decide" if IncidentAction.RESOLVE in actions else "",
        callbacks_url=_callbacks_url(generation.pk) if IncidentAction.CALLBACKS in actions else "",
    )


def _generations_url(**filters: str) -> str:
    return f"{reverse('admin:generations_generation_changelist')}?{urlencode(filters)}"


def _callbacks_url(generation_id: int) -> str:
    list_url = reverse("admin:generations_callbackdelivery_changelist")
    return f"{list_url}?{urlencode({'q': generation_id})}"


def _usage_url(first: date, last: date) -> str:
    query = {"created_from": str(first), "created_to": str(last)}
    return f"{reverse('admin:generations_usage')}?{urlencode(query)}"
