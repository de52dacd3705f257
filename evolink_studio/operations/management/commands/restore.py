"""`manage.py restore`: restore a studio from a backup into an empty place."""

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from evolink_studio.operations.backup import (
    BackupError,
    RestoreResult,
    restore_backup,
    verify_backup,
)
from evolink_studio.operations.backup.repository import Manifest


class Command(BaseCommand):
    help = "Bring a studio back from a backup. Only into an empty place; nothing is overwritten."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", type=Path, help="The folder that backups were made into.")
        parser.add_argument("--at", default="", help="Which backup. Default: the newest.")
        parser.add_argument(
            "--check", action="store_true", help="Only see whether the backup is whole."
        )
        parser.add_argument(
            "--without-media", action="store_true", help="Only the database, not the files."
        )
        parser.add_argument(
            "--despite-damage",
            action="store_true",
            help="Restore what is whole although some files are damaged.",
        )

    def handle(self, *args: object, **options: object) -> None:
        source = Path(str(options["source"])).expanduser().resolve()
        try:
            lines = (
                _run_check(source, options) if options["check"] else _run_restore(source, options)
            )
        except BackupError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"It did not succeed: {error.strerror or error}.") from error
        self.stdout.write("\n".join(lines))


def _run_check(source: Path, options: Mapping[str, object]) -> list[str]:
    manifest, damaged_names = verify_backup(source, backup_name=str(options["at"]))
    if damaged_names:
        raise BackupError(
            f"{len(damaged_names)} files of this backup are damaged or missing, the first is "
            f"{damaged_names[0]}. Make a new backup while the studio still has them."
        )
    return [
        f"The backup of {_format_backup_time(manifest)} is whole: {manifest.files_count} files."
    ]


def _run_restore(source: Path, options: Mapping[str, object]) -> list[str]:
    result = restore_backup(
        source,
        backup_name=str(options["at"]),
        with_media=not options["without_media"],
        despite_damage=bool(options["despite_damage"]),
    )
    return _format_result(result)


def _format_backup_time(manifest: Manifest) -> str:
    return f"{manifest.taken:%Y-%m-%d %H:%M} UTC"


def _format_result(result: RestoreResult) -> list[str]:
    manifest = result.manifest
    lines = [
        f"The studio of {_format_backup_time(manifest)} is back: "
        f"{manifest.rows['accounts_user']} people, "
        f"{manifest.rows['generations_generation']} generations.",
        "Everybody signs in again.",
        "What was sent to EvoLink after that moment is not known here: compare with the task list "
        "of your EvoLink account.",
    ]
    if result.unclear_count:
        lines.append(
            f"{result.unclear_count} generations were about to be sent. They stand as answer lost, "
            "and are never sent again by themselves."
        )
    if result.damaged_names:
        lines += ["These files did not come back:", *(f"  {name}" for name in result.damaged_names)]
    return lines
