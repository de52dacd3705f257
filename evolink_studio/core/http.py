"""The request type with htmx, and parsing of row ids."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class HtmxHttpRequest(HttpRequest):
    """A request that has passed django-htmx's middleware. `htmx` is true if htmx sent it."""

    htmx: HtmxDetails


def parse_id(text: str) -> int | None:
    """A row id from a URL or a form, of up to 18 digits; None for anything else."""
    return int(text) if text.isdecimal() and len(text) < 19 else None
