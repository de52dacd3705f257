"""What every page shows besides its own content."""

from functools import cache

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static


def studio(request: HttpRequest) -> dict[str, object]:
    """For templates: whether the provider is the sandbox, and where the icons are."""
    return {"is_sandbox": settings.SANDBOXED, "icons_url": _icons_url()}


@cache
def _icons_url() -> str:
    """Their address names their content, so it stays while this process lives."""
    return static("icons.svg")
