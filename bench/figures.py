"""A figure, its target, and how both are printed."""

import math
import os
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ROW_FORMAT = "{:<62} {:>12} {:>12}  {}"


@dataclass(frozen=True)
class Figure:
    """One measured number. Its target is `at_most` or `at_least`; without one it is just shown."""

    name: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the target is met; "" without one."""
        if self.at_most is None and self.at_least is None:
            return ""
        low, high = self.at_least or -math.inf, math.inf if self.at_most is None else self.at_most
        return "meets" if low <= self.value <= high else "misses"

    @property
    def target(self) -> str:
        if self.at_most is not None:
            return f"≤ {_format_number(self.at_most)} {self.unit}".strip()
        return (
            f"≥ {_format_number(self.at_least)} {self.unit}".strip()
            if self.at_least is not None
            else ""
        )

    def format_row(self) -> str:
        value = f"{_format_number(self.value)} {self.unit}".strip()
        return ROW_FORMAT.format(self.name, value, self.target, self.verdict).rstrip()


def format_heading() -> str:
    """The columns, after how busy the machine is before we begin: a busy one spoils figures."""
    machine = f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"
    return machine + "\n" + ROW_FORMAT.format("figure", "value", "target", "verdict")


def _format_number(value: float) -> str:
    """Three digits that matter, and thousands set apart."""
    if value == 0 or abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(share: float, values: Sequence[float]) -> float:
    """The value that `share` of all values do not exceed (nearest rank)."""
    sorted_values = sorted(values)
    return sorted_values[max(0, math.ceil(share * len(sorted_values)) - 1)]


def percentile_figures(
    name: str, values: Sequence[float], unit: str, **targets: float
) -> Iterator[Figure]:
    """p50, p95 and the largest; targets as `p50=…, p95=…, max=…`."""
    percentiles = {
        "p50": percentile(0.5, values),
        "p95": percentile(0.95, values),
        "max": max(values),
    }
    for label, value in percentiles.items():
        yield Figure(f"{name}, {label}", value, unit, at_most=targets.get(label))
