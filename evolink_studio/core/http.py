"""What arrives with a request: its type, and numbers as text."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class HtmxHttpRequest(HttpRequest):
    """A request that has passed django-htmx's middleware. `htmx` is true where htmx asks."""

    htmx: HtmxDetails


def parse_id(text: str) -> int | None:
    """A row number out of an address or a form; None for anything else."""
    return int(text) if text.isdecimal() and len(text) < 19 else None
