"""What a page weighs for a browser with an empty cache: the page, and each file that it names.

As served: pages with gzip, our files minified, everything else that shrinks with brotli. Pictures
and films of people are data and do not count.
"""

import gzip
import re
from functools import cache
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import brotli
from django.conf import settings
from django.contrib.staticfiles import finders
from whitenoise.compress import Compressor

from bench.measures.weight import REFERENCE_PATTERNS, PageFiles
from evolink_studio.core.static_storage import list_minified_sources, minify_source

PAGE = "page"
GZIP_LEVEL = 6  # of Django's GZipMiddleware
# Keys of a visit differ in length and do not compress: each counts the same.
KEY_PATTERN = re.compile(r'(?<=name="csrfmiddlewaretoken" value=")[^"]*|(?<=X-CSRFToken": ")[^"]*')


def weigh_page(html: str) -> dict[str, int]:
    """Bytes on the wire without headers, by the name of the file; those of the page as `page`."""
    weights = {PAGE: len(gzip.compress(KEY_PATTERN.sub("k" * 64, html).encode(), GZIP_LEVEL))}
    pending = [_name_of(url) for url in PageFiles(html).urls]
    while pending:
        name = pending.pop()
        if name and name not in weights:
            weights[name], references = _weigh_file(name)
            pending += references
    return weights


def _name_of(url: str, base: str = "/") -> str:
    """The name of a static file; "" for what is none."""
    path = urldefrag(urljoin(base, url)).url.partition("?")[0]
    prefix = f"/{settings.STATIC_URL.strip('/')}/"
    return path.removeprefix(prefix) if path.startswith(prefix) else ""


@cache
def _weigh_file(name: str) -> tuple[int, tuple[str, ...]]:
    """Bytes as sent, and the names of the files that a style names."""
    found = finders.find(name)
    assert found, f"{name} is named by a page and is no static file"
    path = Path(found)
    own_sources = [s for folder in settings.STATICFILES_DIRS for s in list_minified_sources(folder)]
    content = minify_source(path) if path in own_sources else path.read_bytes()
    is_compressed = Compressor().should_compress(name)
    size = min(len(brotli.compress(content)), len(content)) if is_compressed else len(content)
    urls = REFERENCE_PATTERNS[".css"].findall(content.decode()) if path.suffix == ".css" else []
    base = f"/{settings.STATIC_URL.strip('/')}/{name}"
    return size, tuple(_name_of(url, base) for url in urls)


def describe_difference(budget: dict[str, int], weight: dict[str, int]) -> str:
    """Both sums, and every file whose weight is another one, the largest difference first."""
    names = sorted(
        (name for name in budget | weight if budget.get(name) != weight.get(name)),
        key=lambda name: -abs(weight.get(name, 0) - budget.get(name, 0)),
    )
    files = (f"{name} {budget.get(name, 0)} → {weight.get(name, 0)}" for name in names)
    return f"{sum(budget.values())} → {sum(weight.values())} bytes: {', '.join(files)}"


def is_within(budget: dict[str, int], weight: dict[str, int], *, tolerance: float) -> bool:
    """Whether it is the same number of files, and their sum differs by no more than this share."""
    difference = sum(weight.values()) - sum(budget.values())
    return len(weight) == len(budget) and abs(difference) <= tolerance * sum(budget.values())
