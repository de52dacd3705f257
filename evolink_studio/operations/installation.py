"""What a browser needs to install the studio on a phone or a desk."""

from django.http import HttpRequest, JsonResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

THEME_COLOR = "#1b1713"
BACKGROUND_COLOR = "#f6f2ea"


@require_safe
@cache_control(private=True, max_age=3600)
def manifest(request: HttpRequest) -> JsonResponse:
    """The web app manifest (w3.org/TR/appmanifest, 2026-11). Pictures can be shared to it.

    No query.
    """
    icons = [
        {"src": static(f"icons/{name}.png"), "sizes": size, "type": "image/png", "purpose": purpose}
        for name, size, purpose in (
            ("icon-192", "192x192", "any"),
            ("icon-512", "512x512", "any"),
            ("icon-maskable-512", "512x512", "maskable"),
        )
    ]
    content = {
        "id": "/",
        "name": "EvoLink Studio",
        "short_name": "Studio",
        "start_url": reverse("home"),
        "scope": "/",
        "display": "standalone",
        "theme_color": THEME_COLOR,
        "background_color": BACKGROUND_COLOR,
        "icons": icons,
        "shortcuts": [
            {"name": _("Create"), "url": reverse("home")},
            {"name": _("Films"), "url": reverse("films")},
        ],
        "share_target": {
            "action": reverse("shared_files"),
            "method": "POST",
            "enctype": "multipart/form-data",
            "params": {"files": [{"name": "file", "accept": ["image/*", "video/*", "audio/*"]}]},
        },
    }
    return JsonResponse(content, content_type="application/manifest+json")
