"""Prove the book of credits; exit with 1 when a single credit is not explained."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evolink_studio.credits.audit import check_with_truth


class Command(BaseCommand):
    help = "Proves that every credit in the book is explained. Exits with 1 when one is not."

    def handle(self, *args: Any, **options: Any) -> None:
        report = check_with_truth()
        for finding in report.findings:
            self.stdout.write(str(finding))
        compared = "compared with the generations" if report.compared else "the book by itself"
        self.stdout.write(
            f"{report.purses} purses, {report.generations} generations, {report.entries} entries; "
            f"{compared}."
        )
        if not report.clean:
            raise CommandError(f"The book does not add up. Findings: {len(report.findings)}.")
        self.stdout.write("Every credit is explained.")
