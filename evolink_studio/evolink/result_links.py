"""Finds the links of a task's results, in whatever shape they come.

Documented is `results`, a list of URLs (2026-11-20); seen are `result_data` as a list or an object,
objects with a `url`, and the shapes of the makers of the models.
"""

import json
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from evolink_studio.evolink.redaction import is_clean_text

_URL_PATTERN = re.compile(r"https?://[^\s<>\"\\]{1,4000}", re.IGNORECASE)
_MAX_DEPTH = 8
_BLANKS = string.whitespace + "\u00a0\u200b\u2060\ufeff"
_MAX_EMBEDDED_JSON_LENGTH = 500_000  # characters

# Fields of a task that hold results. The first with a link counts: the others repeat it.
_RESULT_FIELDS = (
    *("results", "result", "result_urls", "result_url", "result_data", "task_result"),
    *("videos", "video", "video_urls", "video_url", "outputs", "output", "output_url"),
    *("urls", "url", "files", "file_url", "download_url", "content", "data", "response"),
)
# In one object the same result under several names: the first with a link counts.
_LINK_FIELDS = (
    *("video_url", "video_urls", "video", "videos", "url", "urls", "download_url", "file_url"),
    *("output_url", "result_url", "uri", "href", "link", "src"),
    *("image_url", "image", "images", "audio_url", "audio"),
)
# What stands beside a result and is none.
_SIDE_FIELD_PATTERN = re.compile(
    r"thumb|cover|poster|preview|snapshot|frame|icon|avatar|logo|watermark"
    r"|callback|webhook|origin|input|reference|prompt|request|action|status",
    re.IGNORECASE,
)


def _to_plain_name(name: str) -> str:
    """ "videourl" for "video_url", "videoUrl" and "VIDEO-URL"."""
    return name.replace("_", "").replace("-", "").lower()


_PLAIN_RESULT_FIELDS = tuple(dict.fromkeys(map(_to_plain_name, _RESULT_FIELDS)))
_PLAIN_LINK_FIELDS = tuple(dict.fromkeys(map(_to_plain_name, _LINK_FIELDS)))


def is_link(value: object) -> bool:
    """Whether `value` is the text of an http(s) URL."""
    return isinstance(value, str) and bool(_URL_PATTERN.fullmatch(value)) and is_clean_text(value)


def find_result_links(task: Mapping[str, Any]) -> tuple[str, ...]:
    """The links of a task's results in their order, each once; () without any."""
    values_by_name = _index_by_plain_name(task)
    for name in _PLAIN_RESULT_FIELDS:
        if links := _unique(_find_links(values_by_name.get(name), _MAX_DEPTH)):
            return links
    return ()


def _index_by_plain_name(value: Mapping[str, Any]) -> dict[str, Any]:
    """The fields; of several that are one name in another spelling, the first."""
    values_by_name: dict[str, Any] = {}
    for name, item in value.items():
        values_by_name.setdefault(_to_plain_name(name), item)
    return values_by_name


def _unique(links: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(links))


def _find_links(value: object, depth: int) -> Iterator[str]:
    if depth == 0:
        return
    if isinstance(value, str):
        yield from _find_in_text(value, depth)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _find_links(item, depth - 1)
    elif isinstance(value, Mapping):
        yield from _find_in_object(value, depth)


def _find_in_object(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    values_by_name = _index_by_plain_name(value)
    for name in _PLAIN_LINK_FIELDS:
        if links := _unique(_find_links(values_by_name.get(name), depth - 1)):
            yield from links
            return
    for name, item in value.items():
        is_searched = _to_plain_name(name) in _PLAIN_LINK_FIELDS
        if not is_searched and not _SIDE_FIELD_PATTERN.search(name):
            yield from _find_links(item, depth - 1)


def _find_in_text(text: str, depth: int) -> Iterator[str]:
    """Links with blanks around them, also some that cannot be seen; or JSON as text."""
    stripped_text = text.strip(_BLANKS)
    words = stripped_text.split()
    if words and all(is_link(word) for word in words):
        yield from words
    elif stripped_text[:1] in ("[", "{", '"') and len(text) <= _MAX_EMBEDDED_JSON_LENGTH:
        try:
            document = json.loads(stripped_text)
        except (ValueError, RecursionError):
            return
        yield from _find_links(document, depth - 1)
