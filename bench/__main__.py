"""`python -m bench [name …]`: measure and print the table."""

import argparse
import importlib
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from bench import figures, sizes
from bench.instances import prepare_instances

MEASURE_NAMES = (
    "idle",
    "idle_studio",
    "queries",
    "submit",
    "weight",
    "paint",
    "interaction",
    "lighthouse",
    "reads",
    "screen",
    "start",
    "worker_memory",
    "watchers",
    "peers",
    "library",
    "film_lists",
    "history",
    "media",
    "usage",
    "admin_lists",
    "exports",
)


def main() -> int:
    """1 when something could not be measured. A missed target is a figure, not a failure."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(MEASURE_NAMES)}")
    names = parser.parse_args().names or MEASURE_NAMES
    if unknown := set(names) - set(MEASURE_NAMES):
        parser.error(f"no such measure: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, _exit_on_signal)
    try:
        return _print_figures(names)
    except KeyboardInterrupt:
        return 130


def _print_figures(names: Sequence[str]) -> int:
    size, failed, verdicts = sizes.size_from_environment(), 0, Counter[str]()
    print(figures.format_heading(), flush=True)
    with prepare_instances() as instances:
        for name in names:
            measure = importlib.import_module(f"bench.measures.{name}").measure
            try:
                for figure in measure(instances, size):
                    print(figure.format_row(), flush=True)
                    verdicts[figure.verdict] += 1
            except (RuntimeError, OSError) as error:
                print(f"{name}: no figure. {error}", flush=True)
                failed = 1
    print(f"{verdicts['meets']} targets met, {verdicts['misses']} missed")
    return failed


def _exit_on_signal(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
