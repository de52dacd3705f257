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
from evolink_studio.generations.pipeline.retry_policy import INTERNAL
from evolink_studio.generations.states import State

SAVING_PATIENCE = timedelta(minutes=30)
RESERVED_PATIENCE = timedelta(minutes=30)
# For one that still moves, or whose model takes longer than that by itself.
MOVING_PATIENCE = timedelta(hours=2)
# EvoLink's links live for a day: half of it is left to do something about a film.
LINK_ALARM = timedelta(hours=12)

# A machine that has a film's only copy on its disk was not heard of for so long.
COPY_ALARM = timedelta(days=1)

# No code could work on it, and nothing of it was sent.
UNSENDABLE = Q(state=State.QUEUED, due__isnull=False, error_code=INTERNAL)
# Every row that a reason may fit. Each part is found in an index; SQLite takes the one on
# (state, due) only where the query says that `due` is set, which it always is in these states.
UNSETTLED = Q(charge__in=OPEN) | Q(state=State.SAVING, due__isnull=False) | UNSENDABLE


class Action(StrEnum):
    """What an admin can do about it."""

    LOOK = "look"  # read, search or copy it at once
    SETTLE = "settle"  # say what became of its money
    CALLBACKS = "callbacks"  # see who called
    CANCEL = "cancel"  # take it back before it is sent


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


def _unsaved(now: datetime) -> Q:
    return Q(state=State.SAVING, moved__lt=now - SAVING_PATIENCE)


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
        "astray",
        _("Film on the disk of a machine that is away"),
        _(
            "It is made and paid, and a worker had copied it here, but not yet into the library. "
            "Start the worker on that machine again, with the same data folder. Without it the "
            "film is given up two weeks after its copy was last seen."
        ),
        lambda now: Q(state=State.SAVING, parked__lt=now - COPY_ALARM),
    ),
    Reason(
        "parked",
        _("Film copied here, but not yet in the library"),
        _(
            "It is made and paid, and lies whole on the disk of the machine that fetched it, also "
            "after its link has ended. Look why the library cannot take it: its store may be away, "
            "or its disk full. It goes in by itself as soon as it can; until then keep the data "
            "folder of that machine."
        ),
        lambda now: _unsaved(now) & Q(parked__isnull=False),
    ),
    Reason(
        "expiring",
        _("Film not saved, and its link ends within 12 hours"),
        _(
            "It is made and paid, and soon lost. Make room on the disk, or download it from your "
            "EvoLink account. We keep trying."
        ),
        lambda now: Q(state=State.SAVING, parked=None, results_expire__lt=now + LINK_ALARM),
    ),
    Reason(
        "unreturned",
        _("Failed, and its credits are not returned"),
        _("Compare with your EvoLink account, then say on its page what it charged."),
        lambda now: Q(state=State.FAILED, charge__in=OPEN),
        (Action.SETTLE,),
    ),
    Reason(
        "unsendable",
        _("Cannot be sent: something in this studio is wrong"),
        _(
            "Nothing was sent, so EvoLink charges nothing. The log says what is wrong, at its "
            "number. It is tried again by itself, and goes on once that is mended; an hour after "
            "its press it fails, and its credits are free again."
        ),
        lambda now: UNSENDABLE,
        (Action.CANCEL,),
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
        lambda now: _unsaved(now) & Q(parked=None),
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
