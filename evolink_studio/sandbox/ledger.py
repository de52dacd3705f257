"""The credits of the one account that all keys of this sandbox share.

Every midnight (UTC) it is refilled to its opening balance; a top-up adds credits at once. Entries
are append-only, and their sum is what remains.
"""

from dataclasses import dataclass
from decimal import Decimal

from evolink_studio.sandbox.database import Database

UNITS_PER_CREDIT = 10_000
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class AccountBalance:
    remaining_credits: Decimal
    used_credits: Decimal


@dataclass(frozen=True, slots=True)
class AccountEntry:
    """One movement: `kind` is opening, refill, top-up, reserve, release or charge."""

    kind: str
    task_id: str
    credits: Decimal


def to_units(amount: Decimal) -> int:
    return int(amount * UNITS_PER_CREDIT)


def to_credits(units: int) -> Decimal:
    return Decimal(units) / UNITS_PER_CREDIT


class Ledger:
    """Call methods that write, and `get_balance`, inside `Database.transaction()`."""

    def __init__(self, database: Database, opening_balance: Decimal) -> None:
        self._database = database
        self._opening_units = to_units(opening_balance)
        with database.transaction():
            is_new = database.execute(
                "INSERT OR IGNORE INTO account VALUES (1, 0, 0, ?)", self._get_current_day()
            )
            if is_new:
                self._change_balance("opening", "", self._opening_units)

    def get_balance(self) -> AccountBalance:
        self._refill_if_new_day()
        row = self._database.fetch_one("SELECT remaining, used FROM account")
        assert row is not None
        return AccountBalance(to_credits(row["remaining"]), to_credits(row["used"]))

    def reserve(self, task_id: str, units: int) -> bool:
        """Reserve the units if enough remain; one conditional UPDATE prevents an overdraft."""
        self._refill_if_new_day()
        is_reserved = self._database.execute(
            "UPDATE account SET remaining = remaining - ? WHERE remaining >= ?", units, units
        )
        if is_reserved:
            self._add_entry("reserve", task_id, -units)
        return bool(is_reserved)

    def settle(self, task_id: str, reserved_units: int, charged_units: int) -> None:
        """Release the reservation and charge `charged_units`."""
        self._change_balance("release", task_id, reserved_units)
        if charged_units:
            self._change_balance("charge", task_id, -charged_units)
            self._database.execute("UPDATE account SET used = used + ?", charged_units)

    def top_up(self, amount: Decimal) -> None:
        self._change_balance("top-up", "", to_units(amount))

    def list_entries(self, task_id: str | None = None) -> list[AccountEntry]:
        where, values = ("WHERE task = ?", (task_id,)) if task_id is not None else ("", ())
        rows = self._database.fetch_all(
            f"SELECT kind, task, amount FROM entry {where} ORDER BY id",  # noqa: S608  # fixed texts
            *values,
        )
        return [AccountEntry(row["kind"], row["task"], to_credits(row["amount"])) for row in rows]

    def _refill_if_new_day(self) -> None:
        today = self._get_current_day()
        row = self._database.fetch_one("SELECT remaining FROM account WHERE filled_on < ?", today)
        if row is None:
            return
        self._database.execute("UPDATE account SET filled_on = ?", today)
        if row["remaining"] < self._opening_units:
            self._change_balance("refill", "", self._opening_units - row["remaining"])

    def _change_balance(self, kind: str, task_id: str, units: int) -> None:
        self._database.execute("UPDATE account SET remaining = remaining + ?", units)
        self._add_entry(kind, task_id, units)

    def _add_entry(self, kind: str, task_id: str, units: int) -> None:
        self._database.execute(
            "INSERT INTO entry (at, kind, task, amount) VALUES (?, ?, ?, ?)",
            self._database.now(),
            kind,
            task_id,
            units,
        )

    def _get_current_day(self) -> int:
        return int(self._database.now() // DAY_SECONDS)
