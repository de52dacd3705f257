"""Usage over a history: its pages and totals, and what the roll-up costs to keep and to prove."""

from collections.abc import Iterator

from bench.figures import Figure
from bench.history_instances import HistoryInstance, list_databases, open_history
from bench.instances import InstanceFactory
from bench.sizes import BenchSize

MAX_MILLISECONDS = {
    "usage page, 30 days": 50,
    "usage page, all time": 100,
    "overview": 50,
    "totals of the list, unfiltered": 20,
    "totals of the list, one state": 20,
    "totals of the list, one person": 20,
    "totals of the list, by a filter of no roll-up": 60,
}
MAX_WRITE_RATIO = 1.15
MAX_PROOF_SECONDS, MAX_PROOF_MB = 60, 150


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    for database in list_databases():
        for count in size.history_sizes:
            with open_history(instances, count, database) as instance:
                yield from _measure_history(instance, f"{database}, {count:,}")


def _measure_history(instance: HistoryInstance, label: str) -> Iterator[Figure]:
    for name, cost in instance.call("bench.usage_costs:measure_reads").items():
        yield Figure(f"{name} ({label})", cost, "ms", at_most=MAX_MILLISECONDS[name])
    costs = instance.call("bench.usage_costs:measure_writes")
    for name in ("press", "transition"):
        ratio = costs[name] / costs[f"{name}, uncounted"]
        yield Figure(f"{name}, in the database ({label})", costs[name], "ms")
        yield Figure("  of the same without the roll-up", ratio, "×", at_most=MAX_WRITE_RATIO)
    proof = instance.call("bench.usage_costs:measure_proof")
    yield Figure(f"proof of the roll-up ({label})", proof["proof"], "s", at_most=MAX_PROOF_SECONDS)
    yield Figure("  its longest step", proof["longest step"] * 1000, "ms")
    yield Figure("  its peak memory", proof["peak MB"], "MB", at_most=MAX_PROOF_MB)
    yield Figure("  counting everything afresh", proof["rebuild"], "s")
