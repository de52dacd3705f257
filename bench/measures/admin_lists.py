"""The lists of the admin pages over a history: each group's dearest page, and its size."""

from collections.abc import Iterator

from bench.figures import Figure
from bench.history_instances import HistoryInstance, list_databases, open_history
from bench.instances import InstanceFactory
from bench.sizes import BenchSize

MAX_PAGE_KB = 150
MAX_LIST_MILLISECONDS = 100
MAX_MILLISECONDS = {"search by number, task id": 20, "search by words": 150}


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    for database in list_databases():
        for count in size.history_sizes:
            with open_history(instances, count, database) as instance:
                yield from _measure_history(instance, f"{database}, {count:,}")


def _measure_history(instance: HistoryInstance, label: str) -> Iterator[Figure]:
    costs = instance.call("bench.admin_list_costs:measure_pages")
    for group, (milliseconds, _kilobytes, _name) in costs.items():
        limit = MAX_MILLISECONDS.get(group, MAX_LIST_MILLISECONDS)
        yield Figure(f"admin list: {group} ({label})", milliseconds, "ms", at_most=limit)
    largest = max(kilobytes for _milliseconds, kilobytes, _name in costs.values())
    yield Figure(f"admin list: largest page ({label})", largest, "KB", at_most=MAX_PAGE_KB)
