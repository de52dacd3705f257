"""Where a backup is kept in tests, and what goes into it."""

from datetime import UTC, datetime
from pathlib import Path

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from evolink_studio.library.models import Asset
from tests.factories import AssetFactory

BACKUP_TIME = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DATABASE_FILENAMES = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}


def backup_folder(target: Path, name: str = "20261120T120000Z") -> Path:
    return target / "backups" / name


def create_asset_with_poster(owner) -> Asset:
    poster = default_storage.save("assets/test/a-poster.webp", ContentFile(b"small"))
    return AssetFactory(owner=owner, poster=poster)


def list_files(target: Path) -> list[Path]:
    return [path for path in target.rglob("*") if path.is_file()]
