"""A figure, its target, and how both are printed."""

import math
import os
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

COLUMNS = "{:<62} {:>12} {:>12}  {}"


@dataclass(frozen=True)
class Figure:
    """One measured number. `most` or `least` is its target; without either it is told as it is."""

    name: str
    value: float
    unit: str = ""
    most: float | None = None
    least: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the target is met; "" without one."""
        if self.most is None and self.least is None:
            return ""
        low, high = self.least or -math.inf, math.inf if self.most is None else self.most
        return "meets" if low <= self.value <= high else "misses"

    @property
    def target(self) -> str:
        if self.most is not None:
            return f"≤ {_number(self.most)} {self.unit}".strip()
        return f"≥ {_number(self.least)} {self.unit}".strip() if self.least is not None else ""

    def line(self) -> str:
        value = f"{_number(self.value)} {self.unit}".strip()
        return COLUMNS.format(self.name, value, self.target, self.verdict).rstrip()


def heading() -> str:
    """The columns, after how busy the machine is before we begin: a busy one spoils figures."""
    machine = f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"
    return machine + "\n" + COLUMNS.format("figure", "value", "target", "verdict")


def _number(value: float) -> str:
    """Three digits that matter, and thousands set apart."""
    if value == 0 or abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def at(share: float, values: Sequence[float]) -> float:
    """The value that `share` of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(name: str, values: Sequence[float], unit: str, **most: float) -> Iterator[Figure]:
    """p50, p95 and the largest; targets as `p50=…, p95=…, max=…`."""
    found = {"p50": at(0.5, values), "p95": at(0.95, values), "max": max(values)}
    for word, value in found.items():
        yield Figure(f"{name}, {word}", value, unit, most=most.get(word))
