"""`manage.py check_ledger`: audit the ledger; exit with 1 when there is any finding."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evolink_studio.credits.audit import audit_ledger_with_generations


class Command(BaseCommand):
    help = "Proves that every credit in the book is explained. Exits with 1 when one is not."

    def handle(self, *args: Any, **options: Any) -> None:
        report = audit_ledger_with_generations()
        for finding in report.findings:
            self.stdout.write(str(finding))
        scope = "compared with the generations" if report.is_compared else "the book by itself"
        self.stdout.write(
            f"{report.balance_count} purses, {report.generation_count} generations, "
            f"{report.entry_count} entries; {scope}."
        )
        if not report.is_clean:
            raise CommandError(f"The book does not add up. Findings: {len(report.findings)}.")
        self.stdout.write("Every credit is explained.")
