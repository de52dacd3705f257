"""The credits of the one account that every key of this sandbox belongs to.

Every midnight (UTC) fills the account up to its opening balance, so that playing never ends; a
top-up adds at once. Entries are only ever added, and sum up to what is left.
"""

from dataclasses import dataclass
from decimal import Decimal

from evolink_studio.sandbox.database import Store

UNITS = 10_000
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Balance:
    remaining: Decimal
    used: Decimal


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement: `kind` is opening, refill, top-up, reserve, release or charge."""

    kind: str
    task: str
    amount: Decimal


def to_units(amount: Decimal) -> int:
    return int(amount * UNITS)


def to_credits(units: int) -> Decimal:
    return Decimal(units) / UNITS


class Ledger:
    """Call the writing methods inside `store.together()`."""

    def __init__(self, store: Store, opening: Decimal) -> None:
        self._store = store
        self._opening = to_units(opening)
        with store.together():
            opened = store.change(
                "INSERT OR IGNORE INTO account VALUES (1, 0, 0, ?)", self._today()
            )
            if opened:
                self._move("opening", "", self._opening)

    def balance(self) -> Balance:
        self._fill_up()
        row = self._store.row("SELECT remaining, used FROM account")
        assert row is not None
        return Balance(to_credits(row["remaining"]), to_credits(row["used"]))

    def reserve(self, task: str, units: int) -> bool:
        """Take the units if there are enough; one statement decides, so nothing can be oversold."""
        self._fill_up()
        taken = self._store.change(
            "UPDATE account SET remaining = remaining - ? WHERE remaining >= ?", units, units
        )
        if taken:
            self._enter("reserve", task, -units)
        return bool(taken)

    def settle(self, task: str, reserved: int, charged: int) -> None:
        """Give the reservation back and take what is really charged."""
        self._move("release", task, reserved)
        if charged:
            self._move("charge", task, -charged)
            self._store.change("UPDATE account SET used = used + ?", charged)

    def top_up(self, amount: Decimal) -> None:
        self._move("top-up", "", to_units(amount))

    def entries(self, task: str | None = None) -> list[Entry]:
        where, values = ("WHERE task = ?", (task,)) if task is not None else ("", ())
        found = self._store.rows(
            f"SELECT kind, task, amount FROM entry {where} ORDER BY id",  # noqa: S608  # fixed texts
            *values,
        )
        return [Entry(row["kind"], row["task"], to_credits(row["amount"])) for row in found]

    def _fill_up(self) -> None:
        today = self._today()
        row = self._store.row("SELECT remaining FROM account WHERE filled_on < ?", today)
        if row is None:
            return
        self._store.change("UPDATE account SET filled_on = ?", today)
        if row["remaining"] < self._opening:
            self._move("refill", "", self._opening - row["remaining"])

    def _move(self, kind: str, task: str, units: int) -> None:
        self._store.change("UPDATE account SET remaining = remaining + ?", units)
        self._enter(kind, task, units)

    def _enter(self, kind: str, task: str, units: int) -> None:
        self._store.change(
            "INSERT INTO entry (at, kind, task, amount) VALUES (?, ?, ?, ?)",
            self._store.now(),
            kind,
            task,
            units,
        )

    def _today(self) -> int:
        return int(self._store.now() // DAY)
