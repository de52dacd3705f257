"""`manage.py rebuild_search`: make the indexes of the search afresh."""

from django.core.management.base import BaseCommand, CommandError

from evolink_studio.operations.database_setup import SEARCH_INDEXES


class Command(BaseCommand):
    help = "Make the indexes of the search afresh, from the rows. A million takes a minute."

    def handle(self, *args: object, **options: object) -> None:
        missing_names = [index.name for index in SEARCH_INDEXES if not index.rebuild()]
        if missing_names:
            raise CommandError(
                f"No index: {', '.join(missing_names)}. SQLite needs FTS5 with trigrams (3.34), "
                "PostgreSQL the extension pg_trgm. Without them a search reads every row."
            )
        self.stdout.write("The search has its indexes.")
