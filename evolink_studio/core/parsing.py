"""Values from texts that anybody may have written."""


def parse_id(text: str) -> int | None:
    """A row id from a URL or a form, of up to 18 digits; None for anything else."""
    return int(text) if text.isdecimal() and len(text) < 19 else None
