"""A generation as the admin pages show it. Everything that came from outside is only text."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from evolink_studio.generations.models import Generation
from evolink_studio.library.models import Asset

WEB = ("http", "https")


@dataclass(frozen=True)
class Seen:
    """A file of the library, through the door for staff."""

    asset: Asset
    page: str
    file: str
    poster: str


def seen(asset: Asset) -> Seen:
    """Addresses of a file; `poster` is empty where it has none."""
    return Seen(
        asset=asset,
        page=reverse("admin:library_asset_change", args=[asset.pk]),
        file=reverse("admin:library_asset_file", args=[asset.pk]),
        poster=reverse("admin:library_asset_poster", args=[asset.pk]) if asset.poster else "",
    )


def films(generation: Generation) -> list[Seen]:
    """The kept results, in their order."""
    return [seen(result.asset) for result in generation.results.all()]


def thumbnail(generation: Generation) -> SafeString:
    """The poster of the first film, or an empty frame of the same size."""
    posters = [film.poster for film in films(generation) if film.poster]
    picture = format_html('<img src="{}" alt="" loading="lazy">', posters[0]) if posters else ""
    return format_html(
        '<span class="studio-thumb">{}<span>#{}</span></span>', picture, generation.pk
    )


def folded(title: str, value: object) -> SafeString:
    """JSON or text, behind a line to open."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return format_html(
        '<details class="studio-fold"><summary>{}</summary><pre>{}</pre></details>', title, text
    )


def web_addresses(values: Iterable[object]) -> SafeString | str:
    """Addresses as text to read. Anything that is no web address is only counted."""
    texts = [str(value) for value in values]
    shown = [text for text in texts if _scheme(text) in WEB]
    hidden = len(texts) - len(shown)
    lines = [*shown, *([_("{n} hidden: not a web address").format(n=hidden)] if hidden else [])]
    if not lines:
        return "–"
    items = format_html_join("", "<li>{}</li>", ((line,) for line in lines))
    return format_html('<ul class="studio-addresses">{}</ul>', items)


def _scheme(text: str) -> str:
    """The scheme, or "" for what cannot be read as an address."""
    try:
        return urlsplit(text).scheme.lower()
    except ValueError:
        return ""
