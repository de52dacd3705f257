"""Generations whose money or film a person should look at. Writes only `Alert` rows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum, auto
from functools import cache

from django.db.models import Case, CharField, Count, Exists, OuterRef, Q, Sum, Value, When
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from evolink_studio.core.prepared_query import PreparedQuery
from evolink_studio.generations.models import (
    OPEN_CHARGES,
    Alert,
    CallbackDelivery,
    Charge,
    Decision,
    Generation,
    build_scheduled_filter,
)
from evolink_studio.generations.states import ErrorCode, State

SAVING_INCIDENT_DELAY = timedelta(minutes=30)
RESERVED_INCIDENT_DELAY = timedelta(minutes=30)
# For one with progress, or whose model usually takes longer than that.
PROGRESSING_INCIDENT_DELAY = timedelta(hours=2)
# EvoLink's links live for 24 hours: half of them is left to save the film.
LINK_EXPIRY_INCIDENT_WINDOW = timedelta(hours=12)

# So long after the only copy of a film was last seen on a worker's disk.
LOCAL_COPY_INCIDENT_DELAY = timedelta(days=1)

# An unexpected exception keeps it from being sent.
UNSENDABLE_FILTER = build_scheduled_filter(State.QUEUED) & Q(error_code=ErrorCode.INTERNAL)


def _build_decision_filter(*kinds: Decision.Kind) -> Q:
    """Rows with a decision to look at. With its kinds named, the query takes their index."""
    decisions = Decision.objects.filter(needs_look=True, kind__in=kinds).order_by()
    return Q(pk__in=decisions.values("generation"))


CONTRADICTABLE_KINDS = frozenset(Decision.Kind) - {Decision.Kind.UNLINK}


def _build_unsettled_filter() -> Q:
    """Every row that an incident type may fit.

    A union, of which each part uses an index: with "or" PostgreSQL would read the whole table.
    """
    open_rows = Generation.objects.filter(charge__in=OPEN_CHARGES)
    saving_rows = Generation.objects.filter(build_scheduled_filter(State.SAVING))
    unsendable_rows = Generation.objects.filter(UNSENDABLE_FILTER)
    decisions = Decision.objects.filter(needs_look=True, kind__in=list(Decision.Kind)).order_by()
    unsettled_ids = open_rows.values("pk").union(
        saving_rows.values("pk"),
        unsendable_rows.values("pk"),
        decisions.values("generation"),
        all=True,
    )
    return Q(pk__in=unsettled_ids)


UNSETTLED_FILTER = _build_unsettled_filter()
MAX_ALERTS = 200


class IncidentAction(Enum):
    """What an admin can do about it."""

    REFRESH = auto()  # read, search or download at once
    RESOLVE = auto()  # decide what it cost
    CALLBACKS = auto()  # open the log of callbacks
    CANCEL = auto()  # cancel it before it is sent


class IncidentName(StrEnum):
    """The types of incidents as URLs, alerts and metrics name them."""

    DECISION_CONTRADICTED = "contradicted"
    TASK_UNLINKED = "unlinked"
    ANSWER_LOST = "unknown"
    LOCAL_COPY_AWAY = "astray"
    LOCAL_COPY_ONLY = "parked"
    LINK_EXPIRING = "expiring"
    CREDITS_NOT_RETURNED = "unreturned"
    UNSENDABLE = "unsendable"
    CALLBACKS_REJECTED = "callbacks"
    NO_RESULT = "no_result"
    END_UNCLEAR = "end_unclear"
    STALLED = "stalled"
    NOT_SAVED = "unsaved"
    LONG_RESERVED = "held"


@dataclass(frozen=True)
class IncidentType:
    """A reason to look: label, advice, and a filter for its rows at a time.

    `alert_delay` is for types that often resolve by themselves.
    """

    name: IncidentName
    label: str | Promise
    advice: str | Promise
    build_filter: Callable[[datetime], Q]
    actions: tuple[IncidentAction, ...] = (IncidentAction.REFRESH,)
    alert_delay: timedelta = timedelta(0)


def _long_reserved_filter(now: datetime) -> Q:
    without_news = Q(
        progressed_at__lt=now - RESERVED_INCIDENT_DELAY,
        accepted_at__lt=now - RESERVED_INCIDENT_DELAY,
        expected_seconds__lte=RESERVED_INCIDENT_DELAY.seconds,
    )
    return Q(charge=Charge.RESERVED) & (
        without_news | Q(accepted_at__lt=now - PROGRESSING_INCIDENT_DELAY)
    )


def _rejected_callbacks_filter(now: datetime) -> Q:
    # `build_incident_filter` limits it to unsettled generations: once our own read has settled one,
    # a forged callback puts no money at risk. The log of callbacks keeps it.
    rejected_deliveries = CallbackDelivery.objects.filter(generation=OuterRef("pk")).exclude(
        rejection=""
    )
    return Q(Exists(rejected_deliveries))


def _long_saving_filter(now: datetime) -> Q:
    return Q(state=State.SAVING, progressed_at__lt=now - SAVING_INCIDENT_DELAY)


# In order: the first type that fits is shown.
INCIDENT_TYPES = (
    IncidentType(
        IncidentName.DECISION_CONTRADICTED,
        _("Decided, and EvoLink says otherwise"),
        _(
            "It was settled by hand, and what EvoLink said afterwards speaks against that. Its "
            "page says what. Take the decision back there and link the task, or keep it."
        ),
        lambda now: _build_decision_filter(*CONTRADICTABLE_KINDS),
        (IncidentAction.RESOLVE,),
    ),
    IncidentType(
        IncidentName.TASK_UNLINKED,
        _("A task without a place"),
        _(
            "A task was unlinked from it, and nobody has it now, though EvoLink may have charged "
            "it. Link it where it belongs, or bring it into a library; its film is kept."
        ),
        lambda now: _build_decision_filter(Decision.Kind.UNLINK),
        (IncidentAction.RESOLVE,),
    ),
    IncidentType(
        IncidentName.ANSWER_LOST,
        _("Answer lost"),
        _(
            "EvoLink may be making it, and may charge for it. Look for it in the task list of your "
            "EvoLink account, then say on its page what became of it. It is never sent again by "
            "itself."
        ),
        lambda now: Q(state=State.UNKNOWN),
        (IncidentAction.RESOLVE, IncidentAction.REFRESH),
        alert_delay=timedelta(minutes=15),
    ),
    IncidentType(
        IncidentName.LOCAL_COPY_AWAY,
        _("Film on the disk of a machine that is away"),
        _(
            "It is made and paid, and a worker had copied it here, but not yet into the library. "
            "Start the worker on that machine again, with the same data folder. Without it the "
            "film is given up two weeks after its copy was last seen."
        ),
        lambda now: Q(state=State.SAVING, local_copy_seen_at__lt=now - LOCAL_COPY_INCIDENT_DELAY),
    ),
    IncidentType(
        IncidentName.LOCAL_COPY_ONLY,
        _("Film copied here, but not yet in the library"),
        _(
            "It is made and paid, and lies whole on the disk of the machine that fetched it, also "
            "after its link has ended. Look why the library cannot take it: its store may be away, "
            "or its disk full. It goes in by itself as soon as it can; until then keep the data "
            "folder of that machine."
        ),
        lambda now: _long_saving_filter(now) & Q(local_copy_seen_at__isnull=False),
    ),
    IncidentType(
        IncidentName.LINK_EXPIRING,
        _("Film not saved, and its link ends within 12 hours"),
        _(
            "It is made and paid, and soon lost. Make room on the disk, or download it from your "
            "EvoLink account. We keep trying."
        ),
        lambda now: Q(
            state=State.SAVING,
            local_copy_seen_at=None,
            results_expire_at__lt=now + LINK_EXPIRY_INCIDENT_WINDOW,
        ),
    ),
    IncidentType(
        IncidentName.CREDITS_NOT_RETURNED,
        _("Failed, and its credits are not returned"),
        _("Compare with your EvoLink account, then say on its page what it charged."),
        lambda now: Q(state=State.FAILED, charge__in=OPEN_CHARGES),
        (IncidentAction.RESOLVE,),
    ),
    IncidentType(
        IncidentName.UNSENDABLE,
        _("Cannot be sent: something in this studio is wrong"),
        _(
            "Nothing was sent, so EvoLink charges nothing. The log says what is wrong, at its "
            "number. It is tried again by itself, and goes on once that is mended; an hour after "
            "its press it fails, and its credits are free again."
        ),
        lambda now: UNSENDABLE_FILTER,
        (IncidentAction.CANCEL,),
        alert_delay=timedelta(minutes=5),
    ),
    IncidentType(
        IncidentName.CALLBACKS_REJECTED,
        _("Callbacks refused"),
        _(
            "Somebody who knows its secret address called with another task, too much or too "
            "often. Nothing of it was believed; reading it again tells how it stands."
        ),
        _rejected_callbacks_filter,
        (IncidentAction.CALLBACKS, IncidentAction.REFRESH),
    ),
    IncidentType(
        IncidentName.NO_RESULT,
        _("Finished at EvoLink, without a film"),
        _(
            "EvoLink says that it is finished, but gives no link that can be used. It may be "
            "charged. We go on asking for 26 hours, and take the film as soon as there is a link; "
            "look for it in your EvoLink account meanwhile."
        ),
        lambda now: Q(state=State.RUNNING, error_code=ErrorCode.NO_RESULT),
        alert_delay=timedelta(minutes=3),  # the links may come with the next answer
    ),
    IncidentType(
        IncidentName.END_UNCLEAR,
        _("An error, and a state that nobody knows"),
        _(
            "EvoLink reports an error beside a word that does not say whether the task has ended. "
            "Both stand on its page. Look at the task in your EvoLink account; we go on asking, "
            "and its credits stay reserved until EvoLink says how it ends."
        ),
        lambda now: Q(state=State.RUNNING, error_code=ErrorCode.END_UNCLEAR),
    ),
    IncidentType(
        IncidentName.STALLED,
        _("No news"),
        _("EvoLink still says that it is working on it. We keep looking, which costs nothing."),
        lambda now: Q(state=State.RUNNING, stalled_since__isnull=False),
        alert_delay=timedelta(hours=1),
    ),
    IncidentType(
        IncidentName.NOT_SAVED,
        _("Film not saved for over 30 minutes"),
        _("It is made and paid, but not copied here yet. We keep trying while EvoLink keeps it."),
        lambda now: _long_saving_filter(now) & Q(local_copy_seen_at=None),
    ),
    IncidentType(
        IncidentName.LONG_RESERVED,
        _("Credits reserved for over 30 minutes"),
        _("EvoLink neither charged nor returned them yet. Compare with your EvoLink account."),
        _long_reserved_filter,
    ),
)
INCIDENT_TYPE_BY_NAME = {incident_type.name: incident_type for incident_type in INCIDENT_TYPES}


@dataclass(frozen=True)
class Incident:
    """A generation, and the first incident type that fits it."""

    generation: Generation
    type: IncidentType


@dataclass(frozen=True)
class UnsettledTotals:
    """Credits reserved now, films not saved yet, and the number of generations per incident type.

    Reserved is what the ledger says, also of what is not sent yet or was lost.
    """

    credits_reserved: Decimal
    reserved_count: int
    unsaved_count: int
    counts_by_type: dict[str, int]


def get_unsettled_totals(*, now: datetime) -> UnsettledTotals:
    """Totals of all unsettled generations, and of all credits that are reserved. Two queries."""
    held = Generation.objects.filter(credits_held__isnull=False).aggregate(
        credits_reserved=Sum("credits_held"), reserved_count=Count("pk")
    )
    totals = Generation.objects.filter(UNSETTLED_FILTER).aggregate(
        saving=Count("pk", filter=Q(state=State.SAVING)),
        **{
            f"n_{incident_type.name}": Count("pk", filter=incident_type.build_filter(now))
            for incident_type in INCIDENT_TYPES
        },
    )
    return UnsettledTotals(
        credits_reserved=held["credits_reserved"] or Decimal(0),
        reserved_count=held["reserved_count"],
        unsaved_count=totals["saving"],
        counts_by_type={
            incident_type.name: totals[f"n_{incident_type.name}"]
            for incident_type in INCIDENT_TYPES
        },
    )


def count_incidents(*, now: datetime) -> int:
    """The number of generations with an incident. One query, on every page of the admin."""
    query, placeholders = _incident_count_query()
    ((count,),) = query.fetch({moment: now + (moment - _NOW) for moment in placeholders})
    return int(count)


_NOW = datetime(1, 7, 1, tzinfo=UTC)


@cache
def _incident_count_query() -> tuple[PreparedQuery, frozenset[datetime]]:
    """The count at `_NOW`, and the moments in it, which move with the real one."""
    condition = build_incident_filter(INCIDENT_TYPES, _NOW)
    rows = Generation.objects.filter(condition).order_by().values(whole=Value(0))  # one group
    moments = frozenset(it for it in condition.flatten() if isinstance(it, datetime))
    return PreparedQuery(rows.annotate(n=Count("pk")).values_list("n")), moments


def list_open_incidents(
    *, now: datetime, limit: int, only_unannounced: bool = False
) -> list[Incident]:
    """The oldest generations with an incident, each once. One query.

    `only_unannounced`: only those whose incident has no `Alert` yet.
    """
    cases = [
        When(incident_type.build_filter(now), then=Value(incident_type.name))
        for incident_type in INCIDENT_TYPES
    ]
    rows = (
        Generation.objects.filter(build_incident_filter(INCIDENT_TYPES, now))
        .annotate(incident_type=Case(*cases, output_field=CharField()))
        .select_related("owner")
        .defer("last_reply", "params", "result_urls")
        .order_by("created_at", "pk")
    )
    if only_unannounced:
        alerts = Alert.objects.filter(
            generation=OuterRef("pk"), incident_type=OuterRef("incident_type")
        )
        rows = rows.exclude(Exists(alerts))
    return [Incident(row, INCIDENT_TYPE_BY_NAME[row.incident_type]) for row in rows[:limit]]


def build_incident_filter(incident_types: Iterable[IncidentType], now: datetime) -> Q:
    """Rows that fit at least one of these types; no rows for no types."""
    condition = Q(pk__in=[])
    for incident_type in incident_types:
        condition |= incident_type.build_filter(now)
    return UNSETTLED_FILTER & condition


def claim_new_alerts(*, now: datetime) -> list[Incident]:
    """Incidents due to be announced, at most MAX_ALERTS; marks them as announced. Two queries."""
    incidents = [
        incident
        for incident in list_open_incidents(now=now, limit=MAX_ALERTS, only_unannounced=True)
        if _is_alert_due(incident, now)
    ]
    Alert.objects.bulk_create(
        [
            Alert(
                generation=incident.generation,
                incident_type=incident.type.name,
                announced_at=now,
            )
            for incident in incidents
        ],
        ignore_conflicts=True,
    )
    return incidents


def _is_alert_due(incident: Incident, now: datetime) -> bool:
    last_progress_at = incident.generation.progressed_at or incident.generation.created_at
    return now - last_progress_at >= incident.type.alert_delay
