"""The roll-up of usage: how the database keeps it, how it is proved, and how it is counted afresh.

Three triggers on the table of generations add every new row, and move a changed one from its old
key to its new one, in the statement that changes it. So whatever writes (a transition, a bulk
update, a restore, an admin at the database's prompt), the roll-up is right when it commits, and
after a kill it is as the rows are. A row that would say zero is deleted, so the roll-up is exactly
what GROUP BY says.

On PostgreSQL a writer holds the rows of its owner's roll-up until it commits: lock the owner's feed
before anything else, as `transitions` does, or two writers of one owner can wait for each other.

Another dimension or sum is a name in `DIMENSIONS` or `SUMS`, a column of `UsageRollup` and a
migration that first runs `drop_triggers`. The next `migrate` counts everything afresh.
"""

# ruff: noqa: S608  # The SQL is made of the names below and nothing else.

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from evolink_studio.core.calendar import (
    get_day,
    get_day_start,
    get_month_start,
    get_next_month_start,
)
from evolink_studio.core.proof import Position, Proof, ProofStep
from evolink_studio.core.table_triggers import TableTriggers, TriggerEvent, build_change_condition
from evolink_studio.credits.fields import CREDITS_DECIMALS
from evolink_studio.generations.models import Generation, UsageRollup

# Columns of a generation that the roll-up counts by, and those it sums.
DIMENSIONS = ("owner_id", "model_id", "state", "project_id")
SUMS = ("credits_estimated", "credits_held", "credits_charged")
COUNTED_COLUMNS = ("accounted_at", *DIMENSIONS, *SUMS)

Period = UsageRollup.Period
# Dimensions that a generation may lack; the roll-up has 0 then, since no NULL equals another.
_OPTIONAL_DIMENSIONS = frozenset({"project_id"})
_KEY = ("period", "starts_on", *DIMENSIONS)
_KEY_NUMBERS = ", ".join(str(number) for number in range(1, len(_KEY) + 1))
_TOTALS = ("generation_count", *SUMS)
_TABLE = UsageRollup._meta.db_table
_SOURCE = Generation._meta.db_table

TRIGGERS_MISSING = "the database no longer counts generations: `migrate` mends it"


@dataclass(frozen=True)
class Dialect:
    """What the two databases write differently.

    `moment` is when a row of generations counts, as the clock on the wall shows it; `starts`: the
    first day of the period of a moment.
    """

    moment: str
    starts: Mapping[str, str]


_DIALECTS = {
    "sqlite": Dialect(
        "{row}.accounted_at",
        {"day": "date({moment})", "month": "date({moment}, 'start of month')"},
    ),
    "postgresql": Dialect(
        "({row}.accounted_at AT TIME ZONE 'UTC')",
        {"day": "{moment}::date", "month": "date_trunc('month', {moment})::date"},
    ),
}


def _dialect() -> Dialect:
    return _DIALECTS[connection.vendor]


# --- The triggers ---------------------------------------------------------------------------------


def _key_of(row: str, period: str) -> list[str]:
    """The SQL of each column of the key, from a row of generations."""
    return [
        f"'{period}'",
        _dialect().starts[period].format(moment=_dialect().moment.format(row=row)),
        *(
            f"coalesce({row}.{name}, 0)" if name in _OPTIONAL_DIMENSIONS else f"{row}.{name}"
            for name in DIMENSIONS
        ),
    ]


def _add(row: str) -> str:
    """SQL that counts a row of generations in its day and its month."""
    values = ", ".join(
        "({})".format(
            ", ".join(
                [*_key_of(row, period), "1", *(f"coalesce({row}.{name}, 0)" for name in SUMS)]
            )
        )
        for period in Period
    )
    updates = ", ".join(f"{name} = {_TABLE}.{name} + excluded.{name}" for name in _TOTALS)
    return (
        f"INSERT INTO {_TABLE} ({', '.join((*_KEY, *_TOTALS))}) VALUES {values} "
        f"ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET {updates};"
    )


def _subtract(row: str) -> str:
    """SQL that takes a row of generations out of its day and its month."""
    updates = ", ".join(
        [
            "generation_count = generation_count - 1",
            *(f"{name} = {name} - coalesce({row}.{name}, 0)" for name in SUMS),
        ]
    )
    statements = []
    for period in Period:
        key = " AND ".join(
            f"{name} = {value}" for name, value in zip(_KEY, _key_of(row, period), strict=True)
        )
        statements += [
            f"UPDATE {_TABLE} SET {updates} WHERE {key};",
            f"DELETE FROM {_TABLE} WHERE {key} AND generation_count = 0;",
        ]
    return "\n".join(statements)


def _build_events() -> dict[str, TriggerEvent]:
    columns = ", ".join(COUNTED_COLUMNS)
    is_moved = build_change_condition(COUNTED_COLUMNS)
    return {
        "insert": TriggerEvent("INSERT", "", _add("NEW")),
        # What the new key gains comes first: no count is ever below zero.
        "update": TriggerEvent(
            f"UPDATE OF {columns}", f"WHEN ({is_moved})", _add("NEW") + _subtract("OLD")
        ),
        "delete": TriggerEvent("DELETE", "", _subtract("OLD")),
    }


TRIGGERS = TableTriggers(_SOURCE, _TABLE, f"{_TABLE}_count", _build_events)


def drop_triggers() -> None:
    """Stop counting: for a migration that changes what is counted."""
    TRIGGERS.drop()


def ensure_rollup() -> bool:
    """Make the database count, if it does not, and count afresh what is there."""
    return TRIGGERS.ensure(rebuild)


# --- The rows -------------------------------------------------------------------------------------


def _select_days() -> str:
    """SQL: what the roll-up must say of days. Its two parameters are the moments of a span."""
    values = [*_key_of("g", Period.DAY), "count(*)", *(f"sum(g.{name})" for name in SUMS)]
    return (
        f"SELECT {_name_columns(values)} FROM {_SOURCE} g "
        f"WHERE g.accounted_at >= %s AND g.accounted_at < %s GROUP BY {_KEY_NUMBERS}"
    )


def _select_months() -> str:
    """SQL: the same of months, from the days. Its two parameters are the days of a span."""
    month = _dialect().starts[Period.MONTH].format(moment="d.starts_on")
    key = [f"'{Period.MONTH}'", month, *(f"d.{name}" for name in DIMENSIONS)]
    values = [*key, *(f"sum(d.{name})" for name in _TOTALS)]
    return (
        f"SELECT {_name_columns(values)} FROM {_TABLE} d WHERE d.period = '{Period.DAY}' "
        f"AND d.starts_on >= %s AND d.starts_on < %s GROUP BY {_KEY_NUMBERS}"
    )


def _name_columns(values: Iterable[str]) -> str:
    return ", ".join(
        f"coalesce({value}, 0) AS {name}" if name in SUMS else f"{value} AS {name}"
        for value, name in zip(values, (*_KEY, *_TOTALS), strict=True)
    )


@dataclass(frozen=True)
class Span:
    """Days from the first up to `end`, which is not included."""

    first_day: date
    end: date

    @property
    def days(self) -> list[str | None]:
        """Its ends as parameters for a column of days."""
        adapt = connection.ops.adapt_datefield_value
        return [adapt(day) for day in (self.first_day, self.end)]

    @property
    def moments(self) -> list[str | None]:
        """Its ends as parameters for a column of moments."""
        adapt = connection.ops.adapt_datetimefield_value
        return [adapt(get_day_start(day)) for day in (self.first_day, self.end)]

    def list_days(self) -> Iterator["Span"]:
        """Each day as a span of its own."""
        for number in range(self.first_day.toordinal(), self.end.toordinal()):
            yield Span(date.fromordinal(number), date.fromordinal(number + 1))


def _list_months(since: date | None = None) -> Iterator[Span]:
    """Every month that has a generation or a row of the roll-up, and those between. Six queries."""
    days = [*map(get_day, _find_ends(Generation.objects.all(), "accounted_at"))]
    for period in Period:
        days += _find_ends(UsageRollup.objects.filter(period=period), "starts_on")
    first_day = get_month_start(max(min(days), since or date.min)) if days else date.max
    while days and first_day <= max(days):
        end = get_next_month_start(first_day)
        yield Span(first_day, end)
        first_day = end


def _find_ends(rows: "QuerySet[Any]", column: str) -> list[Any]:
    """The least and the greatest value; [] without rows. SQLite has an index for one at a time."""
    values = rows.values_list(column, flat=True)
    ends = (values.order_by(f"{sign}{column}").first() for sign in ("", "-"))
    return [end for end in ends if end is not None]


def rebuild() -> None:
    """Count everything afresh, month by month: each is right from its own commit on."""
    insert = f"INSERT INTO {_TABLE} ({', '.join((*_KEY, *_TOTALS))}) "
    for month in _list_months():
        with transaction.atomic(), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                # Who writes a generation now waits here with its trigger, and counts on top of it.
                cursor.execute(f"LOCK TABLE {_TABLE} IN SHARE ROW EXCLUSIVE MODE")
            cursor.execute(
                f"DELETE FROM {_TABLE} WHERE starts_on >= %s AND starts_on < %s", month.days
            )
            cursor.execute(insert + _select_days(), month.moments)
            cursor.execute(insert + _select_months(), month.days)


# --- The proof ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RollupDifference:
    """One row of the roll-up that is not what its generations say; what it says too much."""

    key: tuple[str, ...]
    excess: tuple[int | Decimal, ...]

    def __str__(self) -> str:
        excess = ", ".join(
            f"{name} {number:+}"
            for name, number in zip(_TOTALS, self.excess, strict=True)
            if number
        )
        source = "generations" if self.key[0] == Period.DAY else "days"
        return f"roll-up {' '.join(self.key)}: {excess} against its {source}"


def prove_rollup(position: Position | None) -> Iterator[ProofStep]:
    """Compare every day with its generations, and every month with its days, while all are written.

    Each comparison is one statement and so sees one moment; the database compares, and hands over
    only what differs. Goes on after a position of an earlier run.
    """
    if position is None and not TRIGGERS.exist():
        yield ProofStep({"day": date.min.isoformat()}, findings=(TRIGGERS_MISSING,))
    since = date.fromisoformat(position["day"]) if position else date.min
    for month in _list_months(since):
        for day in month.list_days():
            if day.first_day < since:
                continue
            findings = _compare(Period.DAY, _select_days(), day, day.moments)
            if day.end == month.end:
                findings += _compare(Period.MONTH, _select_months(), month, month.days)
            yield ProofStep({"day": day.end.isoformat()}, {"days": 1}, findings)


def _compare(
    period: str, expected: str, span: Span, parameters: Sequence[str | None]
) -> tuple[RollupDifference, ...]:
    """Where the roll-up's rows of this span are not those that the SQL `expected` gives."""
    key, differences = ", ".join(_KEY), [f"sum({name})" for name in _TOTALS]
    sql = (
        f"SELECT {key}, {', '.join(differences)} FROM ("
        f"SELECT {key}, {', '.join(_TOTALS)} FROM {_TABLE} "
        f"WHERE period = '{period}' AND starts_on >= %s AND starts_on < %s UNION ALL "
        f"SELECT {key}, {', '.join(f'-{name}' for name in _TOTALS)} FROM ({expected}) AS expected"
        f") AS both_sides GROUP BY {key} "
        f"HAVING {' OR '.join(f'{difference} <> 0' for difference in differences)} ORDER BY {key}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*span.days, *parameters])
        return tuple(map(_build_difference, cursor.fetchall()))


def _build_difference(row: Sequence[object]) -> RollupDifference:
    count, *sums = (Decimal(str(value)) for value in row[len(_KEY) :])
    return RollupDifference(
        tuple(str(value) for value in row[: len(_KEY)]),
        (int(count), *(amount.scaleb(-CREDITS_DECIMALS) for amount in sums)),
    )


ROLLUP_PROOF = Proof(
    name="rollup",
    failure="the roll-up of usage is not what its generations add up to",
    command="manage.py check_usage",
    run=prove_rollup,
)
