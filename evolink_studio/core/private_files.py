"""Files that only the studio's own account may read: database, media, keys, backups."""

import os
import stat
from contextlib import suppress
from pathlib import Path

PRIVATE_UMASK = 0o077  # folders are made with mode 0700, files with 0600
_ACCESS_OF_OTHERS = 0o077
# What the studio itself lays into its data folder. Nothing else there is touched.
_DATA_NAMES = ("studio.sqlite3*", "secret_key", "media", "sandbox", "worker-wake-up")


def use_private_umask() -> None:
    """What this process and its children make from now on is private."""
    os.umask(PRIVATE_UMASK)


def make_data_private(data_folder: Path) -> None:
    """Take access from others to what an earlier version, or another umask, left open.

    A folder that is private already is not walked: nobody can reach what is in it.
    """
    for pattern in _DATA_NAMES:
        for path in data_folder.glob(pattern):
            make_private(path.resolve())
    _take_access(data_folder)


def make_private(path: Path) -> None:
    """A file, or a folder with all that is in it. Links, and what is not ours, are left alone."""
    with suppress(OSError):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode) or not mode & _ACCESS_OF_OTHERS:
            return
        # The folder itself comes last: should this be interrupted, the next start goes on.
        for child in path.iterdir() if stat.S_ISDIR(mode) else ():
            make_private(child)
        _take_access(path)


def _take_access(path: Path) -> None:
    with suppress(OSError):  # not ours, or a disk without modes
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & _ACCESS_OF_OTHERS and not mode & stat.S_ISVTX:  # `/tmp` stays everybody's
            path.chmod(mode & ~_ACCESS_OF_OTHERS)
