"""`manage.py check_usage`: prove the roll-up of usage; exit with 1 when there is any finding."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evolink_studio.core.proof import ProofProgress
from evolink_studio.generations.usage_rollup import ensure_rollup, prove_rollup, rebuild


class Command(BaseCommand):
    help = (
        "Proves that the roll-up of usage is what its generations add up to. Exits with 1 if not."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--rebuild", action="store_true", help="first count every generation afresh"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # A database that did not count is counted afresh with its triggers.
        if options["rebuild"] and not ensure_rollup():
            rebuild()
        progress = ProofProgress(counts={"days": 0})
        for step in prove_rollup(None):
            progress.add(step)
            for finding in step.findings:
                self.stdout.write(str(finding))
        self.stdout.write(f"{progress.counts['days']} days.")
        if progress.finding_count:
            raise CommandError(
                f"The roll-up is not what its generations add up to. Findings: "
                f"{progress.finding_count}. With --rebuild it is counted afresh."
            )
        self.stdout.write("Every day and every month adds up.")
