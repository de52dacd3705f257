"""The request type with htmx."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class HtmxHttpRequest(HttpRequest):
    """A request that has passed django-htmx's middleware. `htmx` is true if htmx sent it."""

    htmx: HtmxDetails
