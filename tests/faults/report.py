"""The table of `make faults`: what was tried, how often, and how often a promise was broken.

    python -m tests.faults.report            runs tests/faults on both databases and prints it

A test says what it tried with `count_cases`; a module that says nothing counts its tests.
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

COMMAND_PREFIXES = {"SQLite": [], "PostgreSQL": [sys.executable, "scripts/with-postgres"]}
ResultRow = tuple[str, int, int, str]


@dataclass
class CaseCounter:
    """How many cases a test has run so far."""

    cases: int = 0


def record_result(area: str, cases: int, violation_count: int) -> None:
    """One more line for the table, where one is being made."""
    results_path = os.environ.get("FAULTS_TABLE")
    if results_path:
        test = os.environ.get("PYTEST_CURRENT_TEST", "").split("::")[0]
        line = {
            "area": area,
            "cases": cases,
            "violations": violation_count,
            "module": Path(test).stem,
        }
        with Path(results_path).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")


@contextmanager
def count_cases(area: str, cases: int = 0) -> Iterator[CaseCounter]:
    """Count cases, and record them however the test ends: whatever is raised is a violation.

    A test that is one case says so as a decorator: `@count_cases("…", cases=1)`.
    """
    counter = CaseCounter(cases)
    try:
        yield counter
    except BaseException:
        record_result(area, counter.cases, 1)
        raise
    record_result(area, counter.cases, 0)


def run_on_database(
    database: str, folder: Path, arguments: list[str]
) -> tuple[int, list[ResultRow]]:
    """All fault tests on one database: exit status and rows."""
    lines, results = folder / f"{database}.jsonl", folder / f"{database}.xml"
    lines.touch()
    size = os.environ.get("FAULTS_SIZE", "5")
    command = [sys.executable, "-m", "pytest", *(arguments or ["tests/faults"]), "-q"]
    process = subprocess.run(
        [*COMMAND_PREFIXES[database], *command, f"--junitxml={results}"],
        env=os.environ | {"FAULTS_TABLE": str(lines), "FAULTS_SIZE": size},
        check=False,
    )
    records = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    sums: dict[str, list[int]] = {}
    for result in records:
        total = sums.setdefault(result["area"], [0, 0])
        total[0] += result["cases"]
        total[1] += result["violations"]
    rows = [(area, *total, database) for area, total in sums.items()]
    uncounted_rows = _count_uncounted_tests(results, {result["module"] for result in records})
    rows += [(*row, database) for row in uncounted_rows]
    if process.returncode and not any(violations for _, _, violations, _ in rows):
        rows.append(("The run itself", 0, 1, database))  # before a test began to count
    return process.returncode, rows


def _count_uncounted_tests(
    junit_path: Path, counted_modules: set[str]
) -> list[tuple[str, int, int]]:
    """Modules that recorded nothing: their tests, and how many of these failed."""
    if not junit_path.exists():
        return [("the run itself", 0, 1)]
    counts: dict[str, list[int]] = {}
    for case in ElementTree.parse(junit_path).getroot().iter("testcase"):
        module = case.get("classname", "").rpartition(".")[2]
        if module not in counted_modules:
            count = counts.setdefault(module.removeprefix("test_").replace("_", " "), [0, 0])
            count[0] += 1
            count[1] += case.find("failure") is not None or case.find("error") is not None
    return [(f"{area.capitalize()} (tests)", *count) for area, count in counts.items()]


def format_table(rows: list[ResultRow]) -> str:
    """As Markdown."""
    lines = ["| Area | Cases | Violations | Database |", "|---|---:|---:|---|"]
    lines += [
        f"| {area} | {cases:,} | {violations} | {database} |"
        for area, cases, violations, database in sorted(rows)
    ]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Highest exit status of the two runs."""
    rows, exit_status = [], 0
    with tempfile.TemporaryDirectory(prefix="studio-faults-") as folder:
        for database in COMMAND_PREFIXES:
            status, database_rows = run_on_database(database, Path(folder), arguments)
            exit_status, rows = max(exit_status, status), rows + database_rows
    sys.stdout.write(f"\n{format_table(rows)}\n")
    return exit_status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
