"""What the admin's first page shows: the account, the money in the air, and what needs a look."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, Sum
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.http import urlencode
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evolink_studio.core.formatting import clock_text, credits_text
from evolink_studio.credits.models import FarAccount
from evolink_studio.credits.queries import far_account
from evolink_studio.generations import models, queries
from evolink_studio.generations.accounting import page_of
from evolink_studio.generations.incidents import (
    REASONS,
    Action,
    Needy,
    Open,
    needy,
    needy_count,
    open_figures,
)
from evolink_studio.generations.models import WORKER_SILENT, Generation
from evolink_studio.generations.pipeline.provider import far_name
from evolink_studio.generations.states import State

LOOKS = 20
RECENT = timedelta(days=7)
BALANCE_OLD = timedelta(minutes=10)
DISK_LOW = 5 * 10**9
GOOD, CARE, BAD = "good", "care", "bad"


@dataclass(frozen=True)
class Tile:
    """One figure: what it is, the figure, a line of explanation, how it stands, where to look."""

    label: str
    figure: str
    note: str = ""
    mood: str = ""
    url: str = ""


@dataclass(frozen=True)
class Look:
    """One line of "money at risk", and what can be done: looked at, cancelled, settled …"""

    pk: int
    name: str
    url: str
    person: str
    why: str
    advice: str
    credits: str
    age: str
    can_look: bool
    can_cancel: bool
    settle_url: str
    callbacks_url: str


@dataclass(frozen=True)
class Charged:
    """Credits charged today and this month, and how the last days went."""

    today: Decimal
    month: Decimal
    failed: int
    ended: int


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Context of the admin index. Five queries, whatever the studio holds."""
    now = timezone.now()
    unsettled = open_figures(now=now)
    tiles = (
        *_account_tiles(far_account(far_end=far_name()), now),
        *_money_tiles(unsettled, _charged(now), now),
        *_trouble_tiles(unsettled),
        *_machine_tiles(now),
    )
    looks = [_look(item, now) for item in needy(now=now, limit=LOOKS)]
    return {
        **context,
        "title": _("Overview"),
        "tiles": tiles,
        "looks": looks,
        "look_lists": [
            (reason.label, unsettled.counts[reason.name], _rows(look=reason.name))
            for reason in REASONS
            if unsettled.counts[reason.name]
        ],
        "sandboxed": settings.SANDBOXED,
    }


def badge(request: HttpRequest) -> str:
    """How many generations have money at risk, for the sidebar; empty when none has."""
    count = needy_count(now=timezone.now())
    return number_format(count, force_grouping=True) if count else ""


def _charged(now: datetime) -> Charged:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    month, week = midnight.replace(day=1), now - RECENT
    lately = Q(created__gte=week)
    found = Generation.objects.filter(created__gte=min(month, week)).aggregate(
        today=Sum("used", filter=Q(created__gte=midnight)),
        month=Sum("used", filter=Q(created__gte=month)),
        failed=Count("pk", filter=lately & Q(state=State.FAILED)),
        ended=Count("pk", filter=lately & Q(state__in=[State.FAILED, State.COMPLETED])),
    )
    return Charged(
        today=found["today"] or Decimal(0),
        month=found["month"] or Decimal(0),
        failed=found["failed"],
        ended=found["ended"],
    )


def _account_tiles(account: FarAccount, now: datetime) -> tuple[Tile, ...]:
    label, url = _("Balance at EvoLink"), reverse("admin:credits_faraccount_changelist")
    balance = credits_text(account.spendable)
    read = (
        _("read {age} ago").format(age=timesince(account.read, now, depth=1))
        if account.read
        else ""
    )
    if account.key_state == FarAccount.KeyState.REFUSED:
        advice = _(
            "EvoLink refuses the key. Put a valid one into EVOLINK_API_KEY and start the studio "
            "again; until then nothing can be made."
        )
        return (Tile(label, balance, f"{advice} {read}".strip(), BAD, url),)
    if account.read is None:
        return (Tile(label, balance, _("Not read yet: the worker asks once a minute."), CARE, url),)
    if now - account.read > BALANCE_OLD:
        return (Tile(label, balance, _("Old: {read}.").format(read=read), CARE, url),)
    return (Tile(label, balance, _("The key is accepted; {read}.").format(read=read), GOOD, url),)


def _money_tiles(unsettled: Open, charged: Charged, now: datetime) -> tuple[Tile, ...]:
    today = now.date()
    rate = Decimal(charged.failed * 100) / charged.ended if charged.ended else None
    of_all = _("{failed} of {ended} that ended").format(failed=charged.failed, ended=charged.ended)
    return (
        Tile(
            _("Reserved now"),
            credits_text(unsettled.reserved),
            ngettext(
                "Credits held for {n} generation.",
                "Credits held for {n} generations.",
                unsettled.reserved_count,
            ).format(n=unsettled.reserved_count),
            url=_rows(charge__exact="reserved"),
        ),
        Tile(
            _("Charged today"),
            credits_text(charged.today),
            _("Since midnight UTC."),
            url=_usage(today, today),
        ),
        Tile(
            _("Charged this month"),
            credits_text(charged.month),
            _("Since the first, UTC."),
            url=_usage(today.replace(day=1), today),
        ),
        Tile(
            _("Failed in 7 days"),
            "–" if rate is None else f"{number_format(rate, decimal_pos=1)} %",
            of_all,
            url=_rows(
                state__exact="failed", created_from=f"{today - RECENT}", created_to=f"{today}"
            ),
        ),
    )


def _trouble_tiles(unsettled: Open) -> tuple[Tile, ...]:
    unknown = unsettled.counts["unknown"]
    return (
        Tile(
            _("Answers lost"),
            str(unknown),
            _("Sent, but whether EvoLink took it is not known.") if unknown else _("None."),
            CARE if unknown else GOOD,
            _rows(look="unknown"),
        ),
        Tile(
            _("Films not saved yet"),
            str(unsettled.unsaved),
            _("Made and paid; being copied here.") if unsettled.unsaved else _("None."),
            CARE if unsettled.counts["unsaved"] else GOOD,
            _rows(state__exact="saving"),
        ),
    )


def _machine_tiles(now: datetime) -> tuple[Tile, ...]:
    beat = queries.newest_heartbeat()
    if beat is None:
        note = _("It was never seen. Start it: without it nothing is sent or saved.")
        return (Tile(_("Worker"), _("not running"), note, BAD),)
    seen = _("Last seen {age} ago.").format(age=clock_text(now - beat.seen))
    away = now - beat.seen > WORKER_SILENT
    note = _("Start it again: without it nothing is sent or saved.")
    low, full = beat.disk_free < DISK_LOW, beat.disk_free < models.LOW_DISK
    return (
        Tile(
            _("Worker"),
            _("not running") if away else _("running"),
            f"{seen} {note}" if away else seen,
            BAD if away else GOOD,
        ),
        Tile(
            _("Disk free"),
            filesizeformat(beat.disk_free),
            _("Films cannot be saved on a full disk.") if low else "",
            (BAD if full else CARE) if low else GOOD,
        ),
    )


def _look(item: Needy, now: datetime) -> Look:
    row, actions = item.generation, item.reason.actions
    page = page_of(row.pk)
    return Look(
        pk=row.pk,
        name=str(row),
        url=page,
        person=row.owner.get_username(),
        why=str(item.reason.label),
        advice=str(item.reason.advice),
        credits=credits_text(row.estimated if row.reserved is None else row.reserved),
        age=timesince(row.created, now, depth=1),
        can_look=Action.LOOK in actions,
        can_cancel=Action.CANCEL in actions,
        settle_url=f"{page}#decide" if Action.SETTLE in actions else "",
        callbacks_url=_callbacks(row.pk) if Action.CALLBACKS in actions else "",
    )


def _rows(**narrowed: str) -> str:
    return f"{reverse('admin:generations_generation_changelist')}?{urlencode(narrowed)}"


def _callbacks(pk: int) -> str:
    page = reverse("admin:generations_delivery_changelist")
    return f"{page}?{urlencode({'q': pk})}"


def _usage(first: date, last: date) -> str:
    period = {"created_from": str(first), "created_to": str(last)}
    return f"{reverse('admin:generations_usage')}?{urlencode(period)}"
