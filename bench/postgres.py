"""A measure on PostgreSQL, in a process of its own under `scripts/with-postgres`.

Django has one database for the life of a process. The server is a throwaway one that does not wait
for the disk, so what is compared is the studio and not the disk.
"""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict

from bench.figures import Figure
from bench.instances import prepare_instances
from bench.sizes import size_from_environment
from evolink_studio.environment import ROOT

FIGURE_MARK = "figure: "  # what it prints besides is the log of its processes


def run_on_postgres(measure_name: str) -> Iterator[Figure]:
    """The figures of `measure_on_postgres` of a measure. Raises RuntimeError when it fails."""
    arguments = [sys.executable, "scripts/with-postgres", sys.executable, "-m", "bench.postgres"]
    with subprocess.Popen(
        [*arguments, measure_name],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(FIGURE_MARK):
                yield Figure(**json.loads(line.removeprefix(FIGURE_MARK)))
    if process.returncode:
        raise RuntimeError(f"on PostgreSQL it ended with {process.returncode}")


def main() -> None:
    size = size_from_environment()
    with prepare_instances(database_url=os.environ["DATABASE_URL"]) as instances:
        module = importlib.import_module(f"bench.measures.{sys.argv[1]}")
        for figure in module.measure_on_postgres(instances, size):
            print(FIGURE_MARK + json.dumps(asdict(figure)), flush=True)


if __name__ == "__main__":
    main()
