"""Pages, searches and counts of one person with very many films: milliseconds in the database."""

from collections.abc import Iterator

from bench.figures import Figure
from bench.history_instances import list_databases, open_history
from bench.instances import InstanceFactory
from bench.sizes import BenchSize

# Milliseconds at most, by the first word of a figure's name.
TARGETS_MS = {"page": 15.0, "search": 50.0, "counts": 30.0}


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    for database in list_databases():
        for count in size.film_list_sizes:
            with open_history(instances, count, database, people=1) as instance:
                costs = instance.call("bench.film_list_costs:measure_costs")
            label = f"{database} {count:,} films of one person".replace(",", " ")
            for name, milliseconds in costs.items():
                target = TARGETS_MS[name.partition(",")[0]]
                yield Figure(f"{label}: {name}", milliseconds, "ms", at_most=target)
