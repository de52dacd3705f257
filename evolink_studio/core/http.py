"""Numbers that arrive as text."""


def parse_id(text: str) -> int | None:
    """A row number out of an address or a form; None for anything else."""
    return int(text) if text.isdecimal() and len(text) < 19 else None
