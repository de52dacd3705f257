"""The manifest of one backup, and its list of files."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evolink_studio.engine.backup.errors import BackupError

MANIFEST = "manifest.json"
FILES = "files.jsonl"
_SHA256 = r"^[0-9a-f]{64}$"


class Content(BaseModel):
    """Some bytes under a name, in hex SHA-256."""

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str = Field(pattern=_SHA256)
    bytes: int


class Manifest(BaseModel):
    """What a backup holds. `files` is None for one without media; `missing` could not be read."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    made_by: str
    taken: datetime
    engine: Literal["sqlite", "postgresql"]
    database: Content
    migrations: dict[str, str]
    rows: dict[str, int]
    files: Content | None
    files_count: int = 0
    files_bytes: int = 0
    missing: tuple[str, ...] = ()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """The last file of a backup."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, sort_keys=True)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Raises BackupError when it is not one of ours."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise BackupError(f"{folder / MANIFEST} cannot be read as a manifest.") from error


def write_files(path: Path, contents: Iterable[Content]) -> None:
    """One line a file."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(content.model_dump_json() + "\n" for content in contents)


def read_files(path: Path) -> Iterator[Content]:
    """Raises BackupError at the first line that is damaged."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            try:
                yield Content.model_validate_json(line)
            except ValidationError as error:
                raise BackupError(f"{path} is damaged.") from error
