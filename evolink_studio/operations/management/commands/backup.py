"""`manage.py backup`: back up database and library while the studio runs."""

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from evolink_studio.operations.backup import BackupError, BackupResult, create_backup


class Command(BaseCommand):
    help = "Copy database and library into a folder. The studio goes on meanwhile."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("target", type=Path, help="Folder; the same one for every backup.")
        parser.add_argument(
            "--without-media",
            action="store_true",
            help="Only the database, where the files are kept safe in another way.",
        )

    def handle(self, *args: object, **options: object) -> None:
        target = Path(str(options["target"])).expanduser().resolve()
        try:
            result = create_backup(
                target, now=timezone.now(), with_media=not options["without_media"]
            )
        except BackupError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The backup was not made: {error.strerror or error}.") from error
        self.stdout.write(_format_result(result))
        if missing_names := result.manifest.missing:
            raise CommandError(
                f"{len(missing_names)} files of the library are missing or damaged in the studio "
                f"itself, the first is {missing_names[0]}. Everything else is in the backup."
            )


def _format_result(result: BackupResult) -> str:
    manifest = result.manifest
    generations = manifest.rows["generations_generation"]
    megabytes = manifest.files_bytes / 1_000_000
    files = f"{manifest.files_count} files ({megabytes:.1f} MB, {result.copied_count} of them new)"
    if manifest.files is None:
        files = "no files"
    return f"Backup {result.name}: {generations} generations, {files}."
