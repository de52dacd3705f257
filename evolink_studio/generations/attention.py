"""Generations whose money or film a person should look at. Everything here only reads."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from django.db.models import Case, CharField, Count, Exists, OuterRef, Q, Sum, Value, When
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from evolink_studio.generations.models import OPEN, Alert, Charge, Delivery, Generation
from evolink_studio.generations.states import State

SAVING_PATIENCE = timedelta(minutes=30)
RESERVED_PATIENCE = timedelta(minutes=30)
# For one that still moves, or whose model takes longer than that by itself.
MOVING_PATIENCE = timedelta(hours=2)
# EvoLink's links live for a day: half of it is left to do something about a film.
LINK_ALARM = timedelta(hours=12)

# Every row that a reason may fit. Each half is found in an index; SQLite takes the one on
# (state, due) only where the query says that `due` is set, which it always is while saving.
UNSETTLED = Q(charge__in=OPEN) | Q(state=State.SAVING, due__isnull=False)


class Action(StrEnum):
    """What an admin can do about it."""

    LOOK = "look"  # read, search or copy it at once
    SETTLE = "settle"  # say what became of its money
    CALLBACKS = "callbacks"  # see who called


@dataclass(frozen=True)
class Reason:
    """Why to look: `name` in addresses, what it is called, what to do, and which rows it fits."""

    name: str
    label: str | Promise
    advice: str | Promise
    rows: Callable[[datetime], Q]
    actions: tuple[Action, ...] = (Action.LOOK,)


def _held(now: datetime) -> Q:
    quiet = Q(
        moved__lt=now - RESERVED_PATIENCE,
        accepted__lt=now - RESERVED_PATIENCE,
        expected_seconds__lte=RESERVED_PATIENCE.seconds,
    )
    return Q(charge=Charge.RESERVED) & (quiet | Q(accepted__lt=now - MOVING_PATIENCE))


def _called_wrongly(now: datetime) -> Q:
    # Only while the generation is open: once our own read has settled it, what a stranger said to
    # its address puts no money at risk any more. The log of callbacks keeps it.
    refused = Delivery.objects.filter(generation=OuterRef("pk")).exclude(refused="")
    return Q(Exists(refused))


# The first that fits is the one that is shown.
REASONS = (
    Reason(
        "unknown",
        _("Answer lost"),
        _(
            "EvoLink may be making it, and may charge for it. Look for it in the task list of your "
            "EvoLink account, then say on its page what became of it. It is never sent again by "
            "itself."
        ),
        lambda now: Q(state=State.UNKNOWN),
        (Action.SETTLE, Action.LOOK),
    ),
    Reason(
        "expiring",
        _("Film not saved, and its link ends within 12 hours"),
        _(
            "It is made and paid, and soon lost. Make room on the disk, or download it from your "
            "EvoLink account. We keep trying."
        ),
        lambda now: Q(state=State.SAVING, results_expire__lt=now + LINK_ALARM),
    ),
    Reason(
        "unreturned",
        _("Failed, and its credits are not returned"),
        _("Compare with your EvoLink account, then say on its page what it charged."),
        lambda now: Q(state=State.FAILED, charge__in=OPEN),
        (Action.SETTLE,),
    ),
    Reason(
        "callbacks",
        _("Callbacks refused"),
        _(
            "Somebody who knows its secret address called with another task, too much or too "
            "often. Nothing of it was believed; reading it again tells how it stands."
        ),
        _called_wrongly,
        (Action.CALLBACKS, Action.LOOK),
    ),
    Reason(
        "stalled",
        _("No news"),
        _("EvoLink still says that it is working on it. We keep looking, which costs nothing."),
        lambda now: Q(state=State.RUNNING, stalled__isnull=False),
    ),
    Reason(
        "unsaved",
        _("Film not saved for over 30 minutes"),
        _("It is made and paid, but not copied here yet. We keep trying while EvoLink keeps it."),
        lambda now: Q(state=State.SAVING, moved__lt=now - SAVING_PATIENCE),
    ),
    Reason(
        "held",
        _("Credits reserved for over 30 minutes"),
        _("EvoLink neither charged nor returned them yet. Compare with your EvoLink account."),
        _held,
    ),
)
BY_NAME = {reason.name: reason for reason in REASONS}


@dataclass(frozen=True)
class Needy:
    """A generation, and the first reason to look at it."""

    generation: Generation
    reason: Reason


@dataclass(frozen=True)
class Open:
    """What is not settled: credits held, films not copied yet, and how many fit each reason."""

    reserved: Decimal
    reserved_count: int
    unsaved: int
    counts: dict[str, int]


def open_figures(*, now: datetime) -> Open:
    """One query."""
    held = Q(charge=Charge.RESERVED)
    found = Generation.objects.filter(UNSETTLED).aggregate(
        reserved=Sum("reserved", filter=held),
        reserved_count=Count("pk", filter=held),
        saving=Count("pk", filter=Q(state=State.SAVING)),
        **{f"n_{reason.name}": Count("pk", filter=reason.rows(now)) for reason in REASONS},
    )
    return Open(
        reserved=found["reserved"] or Decimal(0),
        reserved_count=found["reserved_count"],
        unsaved=found["saving"],
        counts={reason.name: found[f"n_{reason.name}"] for reason in REASONS},
    )


def needy_count(*, now: datetime) -> int:
    """How many generations need a look. One query."""
    return Generation.objects.filter(any_of(REASONS, now)).count()


def needy(*, now: datetime, limit: int, untold: bool = False) -> list[Needy]:
    """The oldest generations that need a look, each once. One query.

    `untold`: only those of whose reason no admin was told yet.
    """
    reasons = [When(reason.rows(now), then=Value(reason.name)) for reason in REASONS]
    rows = (
        Generation.objects.filter(any_of(REASONS, now))
        .annotate(reason=Case(*reasons, output_field=CharField()))
        .select_related("owner")
        .defer("last_reply", "params", "result_urls")
        .order_by("created", "pk")
    )
    if untold:
        told = Alert.objects.filter(generation=OuterRef("pk"), reason=OuterRef("reason"))
        rows = rows.exclude(Exists(told))
    return [Needy(row, BY_NAME[row.reason]) for row in rows[:limit]]


def any_of(reasons: Iterable[Reason], now: datetime) -> Q:
    """Rows that fit at least one of these reasons; none of them when there is no reason."""
    fits = Q(pk__in=[])
    for reason in reasons:
        fits |= reason.rows(now)
    return UNSETTLED & fits
