"""The lines of the ledger in a file: one an entry, or one a generation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db.models import Min, QuerySet
from django.utils.translation import gettext_lazy as _

from evolink_studio.accounts.models import User
from evolink_studio.core.csv_export import (
    CellFormat,
    StoredMoment,
    format_moment,
    format_rows,
    format_text,
)
from evolink_studio.credits.fields import as_units, format_units
from evolink_studio.credits.models import AllowanceBalance
from evolink_studio.credits.usage_source import get_usernames
from evolink_studio.exports.sources import ExportRows, ExportSource, RowBatch

# A generation of several allowances has its lines once in each: "reserved" and "charged" count them
# once, so that they sum to what is reserved and what was charged; the columns beside them name the
# change of that one allowance.
ENTRY_HEADER = (
    "at",
    "generation",
    "kind",
    "person",
    "allowance",
    "group",
    "period",
    "since",
    "reserved",
    "charged",
    "reserved in allowance",
    "charged to allowance",
    "used afterwards",
    "limit",
    "by",
    "note",
)
_ENTRY_FORMATS: tuple[CellFormat, ...] = (
    format_moment,
    *(None,) * 7,
    *(format_units,) * 6,
    None,
    format_text,
)
GENERATION_HEADER = (
    "generation",
    "person",
    "allowances",
    "reserved at first",
    "reserved",
    "charged",
    "first at",
    "last at",
    "last kind",
)
_GENERATION_FORMATS: tuple[CellFormat, ...] = (
    None,
    None,
    format_text,
    *(format_units,) * 3,
    format_moment,
    format_moment,
    None,
)
# Orders whose first column has an index.
_WALKED_COLUMNS = ("pk", "id", "created_at", "generation_id")


@dataclass
class _Names:
    """Names of the purses and of the people who decided, as cells, each read once."""

    balances: dict[int, tuple[str, str, str, str, str]] = field(default_factory=dict)
    allowances: dict[int, str] = field(default_factory=dict)  # by purse, not yet a cell
    actors: dict[int | None, str] = field(default_factory=lambda: {None: ""})

    def add_balances(self, balance_ids: set[int]) -> None:
        """(person, allowance, group, period, since) of those that are not known yet."""
        related = ("user", "allowance__user", "allowance__group")
        unknown_ids = balance_ids - self.balances.keys()
        for balance in AllowanceBalance.objects.select_related(*related).filter(pk__in=unknown_ids):
            self.allowances[balance.pk] = str(balance.allowance)
            self.balances[balance.pk] = (
                format_text("" if balance.user is None else str(balance.user)),
                format_text(str(balance.allowance)),
                format_text(str(balance.allowance.group or "")),
                balance.period,
                balance.period_start.isoformat(),
            )

    def add_actors(self, actor_ids: set[int | None]) -> None:
        """Who decided, of those that are not known yet."""
        unknown_ids = [pk for pk in actor_ids if pk is not None and pk not in self.actors]
        for user in User.objects.filter(pk__in=unknown_ids):
            self.actors[user.pk] = format_text(str(user))


def _read_usernames(generation_ids: Iterable[int]) -> dict[int, str]:
    usernames = get_usernames(set(generation_ids))
    return {number: format_text(username) for number, username in usernames.items()}


def build_entry_rows(
    entries: "QuerySet[Any]", order: tuple[Any, ...], branches: "Sequence[QuerySet[Any]]" = ()
) -> ExportRows:
    """One line an entry, in this order."""
    names = _Names()
    columns = (
        StoredMoment("created_at"),
        *("generation_id", "balance_id", "kind"),
        *(as_units("credits_reserved_delta"), as_units("credits_charged_delta")),
        *(as_units("credits_used_after"), as_units("credits_limit")),
        *("actor_id", "note"),
    )

    def format_batch(batch: "QuerySet[Any]") -> RowBatch:
        rows = list(batch.values_list(*columns))
        generation_ids = {row[1] for row in rows}
        # Of the allowances that are among these entries, the first counts.
        counted = dict(
            entries.order_by()
            .filter(generation_id__in=generation_ids)
            .values_list("generation_id")
            .annotate(Min("balance_id"))
        )
        usernames = _read_usernames(generation_ids)
        names.add_balances({row[2] for row in rows})
        names.add_actors({row[8] for row in rows})
        cells = []
        for at, number, balance_id, kind, reserved, charged, used, limit, actor_id, note in rows:
            person, *allowance_cells = names.balances[balance_id]
            is_counted = counted[number] == balance_id
            cells.append(
                (
                    at,
                    number,
                    kind,
                    usernames.get(number, person),
                    *allowance_cells,
                    reserved if is_counted else 0,
                    charged if is_counted else 0,
                    reserved,
                    charged,
                    used,
                    limit,
                    names.actors[actor_id],
                    note,
                )
            )
        return RowBatch(len(cells), format_rows(cells, _ENTRY_FORMATS))

    return ExportRows(
        header=ENTRY_HEADER,
        rows=entries,
        order=order,
        walk_key=_find_walk_key(order),
        format_batch=format_batch,
        branches=branches,
    )


def build_generation_rows(
    entries: "QuerySet[Any]", branches: "Sequence[QuerySet[Any]]" = ()
) -> ExportRows:
    """One line a generation, with what these of its entries sum to, in the order of numbers."""
    names = _Names()
    columns = (
        *("generation_id", "balance_id", "kind"),
        *(as_units("credits_reserved_delta"), as_units("credits_charged_delta")),
        StoredMoment("created_at"),
    )

    def format_batch(batch: "QuerySet[Any]") -> RowBatch:
        rows = list(batch.values_list(*columns))
        usernames = _read_usernames(row[0] for row in rows)
        names.add_balances({row[1] for row in rows})
        cells = []
        for number, group in groupby(rows, itemgetter(0)):
            lines = list(group)
            first, last = lines[0], lines[-1]
            counted_balance = min(line[1] for line in lines)
            counted = [line for line in lines if line[1] == counted_balance]
            allowances = dict.fromkeys(names.allowances[line[1]] for line in lines)
            cells.append(
                (
                    number,
                    usernames.get(number, names.balances[first[1]][0]),
                    "; ".join(allowances),
                    counted[0][3],
                    sum(line[3] for line in counted),
                    sum(line[4] for line in counted),
                    first[5],
                    last[5],
                    last[2],
                )
            )
        return RowBatch(len(rows), format_rows(cells, _GENERATION_FORMATS))

    return ExportRows(
        header=GENERATION_HEADER,
        rows=entries,
        order=("generation_id", "pk"),
        walk_key="generation_id",
        format_batch=format_batch,
        branches=branches,
        line_key="generation_id",
    )


def _find_walk_key(order: tuple[Any, ...]) -> str:
    """The first column of this order, if it is all that sorts and has an index; "" otherwise."""
    if not order or not all(isinstance(column, str) for column in order):
        return ""
    names = [column.removeprefix("-") for column in order]
    is_sorted_by_one = all(name in ("pk", "id") for name in names[1:])
    return order[0] if is_sorted_by_one and names[0] in _WALKED_COLUMNS else ""


LEDGER_EXPORT = ExportSource(
    name="ledger",
    label=_("Book of credits"),
    page_url_name="admin:credits_ledgerentry_changelist",
    builder="evolink_studio.credits.admin.ledger.build_entry_export",
    build_filename=lambda _query: "credits.csv",
)
GENERATION_EXPORT = ExportSource(
    name="ledger_generations",
    label=_("Book of credits, one line for each generation"),
    page_url_name="admin:credits_ledgerentry_changelist",
    builder="evolink_studio.credits.admin.ledger.build_generation_export",
    build_filename=lambda _query: "credits-generations.csv",
)
