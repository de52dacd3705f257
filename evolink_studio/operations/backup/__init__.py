"""Backup and restore of a whole studio.

TARGET/
  media/<sha256>                  every file of the library once, shared by all backups
  backups/20261120T120000Z/       one backup
    database.sqlite3              or database.dump, made by pg_dump
    files.jsonl                   which stored name has which content
    manifest.json                 what is in it, with hashes; a folder without it is unfinished

Not included: the API key and other settings, `SECRET_KEY`, sessions, and the sandbox's data.
"""

from evolink_studio.operations.backup.create import BackupResult, create_backup
from evolink_studio.operations.backup.database_tools import BackupError
from evolink_studio.operations.backup.restore import RestoreResult, restore_backup, verify_backup

__all__ = [
    "BackupError",
    "BackupResult",
    "RestoreResult",
    "create_backup",
    "restore_backup",
    "verify_backup",
]
