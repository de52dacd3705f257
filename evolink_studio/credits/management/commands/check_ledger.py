"""`manage.py check_ledger`: audit the ledger; exit with 1 when there is any finding."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evolink_studio.core.proof import ProofProgress
from evolink_studio.credits.audit import prove_ledger
from evolink_studio.credits.usage_source import get_usage_source

PROGRESS_SECONDS = 5.0  # between two lines of progress


class Command(BaseCommand):
    help = "Proves that every credit in the book is explained. Exits with 1 when one is not."

    def handle(self, *args: Any, **options: Any) -> None:
        progress = ProofProgress(counts={"balances": 0, "generations": 0, "entries": 0})
        next_line_at = time.monotonic() + PROGRESS_SECONDS
        for step in prove_ledger(None):
            progress.add(step)
            for finding in step.findings:
                self.stdout.write(str(finding))
            if time.monotonic() >= next_line_at:
                next_line_at = time.monotonic() + PROGRESS_SECONDS
                self.stderr.write(f"{_describe_counts(progress)} so far")
        is_compared = get_usage_source() is not None
        scope = "compared with the generations" if is_compared else "the book by itself"
        self.stdout.write(f"{_describe_counts(progress)}; {scope}.")
        if progress.finding_count:
            raise CommandError(f"The book does not add up. Findings: {progress.finding_count}.")
        self.stdout.write("Every credit is explained.")


def _describe_counts(progress: ProofProgress) -> str:
    counts = progress.counts
    return (
        f"{counts['balances']} purses, {counts['generations']} generations, "
        f"{counts['entries']} entries"
    )
