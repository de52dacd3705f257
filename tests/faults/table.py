"""The table of `make faults`: what was tried, how often, and how often a promise was broken.

    python -m tests.faults.table            runs tests/faults on both databases and prints it

A test says what it tried with `tally`; a module that says nothing counts its tests.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

WITH = {"SQLite": [], "PostgreSQL": [sys.executable, "scripts/with-postgres"]}
Row = tuple[str, int, int, str]


@dataclass
class Tally:
    """How many cases a test has run so far."""

    cases: int = 0


def record(area: str, cases: int, violations: int) -> None:
    """One more line for the table, where one is being made."""
    where = os.environ.get("FAULTS_TABLE")
    if where:
        test = os.environ.get("PYTEST_CURRENT_TEST", "").split("::")[0]
        line = {"area": area, "cases": cases, "violations": violations, "module": Path(test).stem}
        with Path(where).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")


@contextmanager
def tally(area: str, cases: int = 0) -> Iterator[Tally]:
    """Count cases, and record them however the test ends: whatever is raised is a violation.

    A test that is one case says so as a decorator: `@tally("…", cases=1)`.
    """
    counted = Tally(cases)
    try:
        yield counted
    except BaseException:
        record(area, counted.cases, 1)
        raise
    record(area, counted.cases, 0)


def run(database: str, folder: Path, arguments: list[str]) -> tuple[int, list[Row]]:
    """All fault tests on one database: exit status and rows."""
    lines, results = folder / f"{database}.jsonl", folder / f"{database}.xml"
    lines.touch()
    size = os.environ.get("FAULTS_SIZE", "5")
    pytest = [sys.executable, "-m", "pytest", *(arguments or ["tests/faults"]), "-q"]
    done = subprocess.run(
        [*WITH[database], *pytest, f"--junitxml={results}"],
        env=os.environ | {"FAULTS_TABLE": str(lines), "FAULTS_SIZE": size},
        check=False,
    )
    said = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    sums: dict[str, list[int]] = {}
    for s in said:
        total = sums.setdefault(s["area"], [0, 0])
        total[0] += s["cases"]
        total[1] += s["violations"]
    rows = [(area, *total, database) for area, total in sums.items()]
    silent = _tests(results, {s["module"] for s in said})
    rows += [(*row, database) for row in silent]
    if done.returncode and not any(violations for _, _, violations, _ in rows):
        rows.append(("The run itself", 0, 1, database))  # before a test began to count
    return done.returncode, rows


def _tests(results: Path, speaking: set[str]) -> list[tuple[str, int, int]]:
    """Modules that recorded nothing: their tests, and how many of these failed."""
    if not results.exists():
        return [("the run itself", 0, 1)]
    counts: dict[str, list[int]] = {}
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        module = case.get("classname", "").rpartition(".")[2]
        if module not in speaking:
            count = counts.setdefault(module.removeprefix("test_").replace("_", " "), [0, 0])
            count[0] += 1
            count[1] += case.find("failure") is not None or case.find("error") is not None
    return [(f"{area.capitalize()} (tests)", *count) for area, count in counts.items()]


def table(rows: list[Row]) -> str:
    """As Markdown."""
    lines = ["| Area | Cases | Violations | Database |", "|---|---:|---:|---|"]
    lines += [
        f"| {area} | {cases:,} | {violations} | {database} |"
        for area, cases, violations, database in sorted(rows)
    ]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Highest exit status of the two runs."""
    rows, worst = [], 0
    with tempfile.TemporaryDirectory(prefix="studio-faults-") as folder:
        for database in WITH:
            status, found = run(database, Path(folder), arguments)
            worst, rows = max(worst, status), rows + found
    sys.stdout.write(f"\n{table(rows)}\n")
    return worst


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
