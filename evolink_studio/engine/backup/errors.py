"""What goes wrong with a backup, in words for the person at the terminal."""


class BackupError(Exception):
    """Nothing was changed, or what was begun does not count; the text says why and what to do."""
