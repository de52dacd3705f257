"""Template variables for every page."""

from functools import cache

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static


def studio(request: HttpRequest) -> dict[str, object]:
    """For templates: whether the provider is the sandbox, and where the icons are."""
    return {"is_sandbox": settings.SANDBOXED, "icons_url": _icons_url()}


@cache
def _icons_url() -> str:
    """The URL contains a hash of the content, so it never changes while this process runs."""
    return static("icons.svg")
