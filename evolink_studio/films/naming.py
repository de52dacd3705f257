"""How downloaded films are named: by a pattern with placeholders, which each person may set."""

import re
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from evolink_studio.core.json_field import get_member
from evolink_studio.films.exceptions import InvalidPattern
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.library.filenames import clean_name, get_extension

DEFAULT_PATTERN = "{date}_{title}_{model}_{ratio}.mp4"
MAX_PATTERN_LENGTH = 120
MAX_VALUE_LENGTH = 60  # of what stands for one placeholder
TITLE_WORDS = 6  # of the prompt, for a film without a title

# What no disk takes, or takes for a folder; and what only separates words.
_UNSAFE_PATTERN = re.compile(r'[\\/:*?"<>|,;!\x00-\x1f\s]+')
_REPEATED_SEPARATORS = re.compile(r"([_-])[_-]+")
_MEDIA_EXTENSION = re.compile(r"\.(mp4|m4v|mov|webm|mp3|wav|m4a|jpe?g|png|webp)$", re.IGNORECASE)


def _get_title(film: Generation) -> str:
    return film.title or " ".join(film.prompt.split()[:TITLE_WORDS])


def _get_quality(film: Generation) -> str:
    return str(get_member(film.params, "quality") or get_member(film.params, "resolution") or "")


# Each placeholder, and what it stands for.
PLACEHOLDERS: Mapping[str, Callable[[Generation], object]] = {
    "date": lambda film: f"{film.created_at:%Y-%m-%d}",
    "time": lambda film: f"{film.created_at:%H-%M-%S}",
    "title": _get_title,
    "model": lambda film: film.model_id,
    "ratio": lambda film: _get_ratio(film).replace(":", "x"),
    "seconds": lambda film: film.seconds or get_member(film.params, "duration") or "",
    "quality": _get_quality,
    "project": lambda film: film.project.name if film.project else "",
    "client": lambda film: film.project.client if film.project else "",
    "number": lambda film: film.pk,
}


def _get_ratio(film: Generation) -> str:
    return film.ratio or str(get_member(film.params, "aspect_ratio") or "")


def clean_pattern(pattern: str) -> str:
    """The pattern on one line. Raises InvalidPattern with what is wrong about it."""
    pattern = " ".join(pattern.split())
    if not pattern or len(pattern) > MAX_PATTERN_LENGTH:
        raise InvalidPattern(
            problem=_("Write 1 to {limit} characters.").format(limit=MAX_PATTERN_LENGTH)
        )
    known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    try:
        names = list(_list_placeholders(pattern))
    except ValueError:
        problem = _("A curly bracket is not closed. Write {known}.").replace("{known}", known)
        raise InvalidPattern(problem=problem) from None
    unknown = [name for name in names if name not in PLACEHOLDERS]
    if unknown:
        problem = _("There is no {unknown}. Known are {known}.")
        problem = problem.replace("{unknown}", f"{{{unknown[0]}}}").replace("{known}", known)
        raise InvalidPattern(problem=problem)
    if not names:
        problem = _("Write at least one of {known}, or all files would have one name.")
        raise InvalidPattern(problem=problem.replace("{known}", known))
    return pattern


def _list_placeholders(pattern: str) -> Iterable[str]:
    """Raises ValueError for brackets without their other half."""
    for _literal, name, format_spec, conversion in string.Formatter().parse(pattern):
        if name is not None:
            yield name if not format_spec and not conversion else f"{name}:{format_spec or ''}"


def build_name(pattern: str, video: GeneratedVideo) -> str:
    """The name of one file, safe for every disk. Needs the generation with its project.

    Other results than the first of a film end in their number. What the pattern says about the kind
    of file is replaced by what the file is.
    """
    film = video.generation
    stem = _MEDIA_EXTENSION.sub("", pattern)
    values = {name: _clean_value(read(film)) for name, read in PLACEHOLDERS.items()}
    stem = "".join(
        literal + values.get(name or "", "")
        for literal, name, _spec, _conversion in string.Formatter().parse(stem)
    )
    stem = _REPEATED_SEPARATORS.sub(r"\1", _UNSAFE_PATTERN.sub("-", stem)).strip("-_. ")
    if video.position:
        stem = f"{stem}-{video.position + 1}"
    return clean_name(f"{stem or film.pk}.{get_extension(video.asset.format)}")


def _clean_value(value: object) -> str:
    text = _UNSAFE_PATTERN.sub("-", str(value)).strip("-. ")
    return text[:MAX_VALUE_LENGTH].rstrip("-. ")


@dataclass
class UniqueNames:
    """Names within one folder: the second of a name ends in -2, also where case does not count."""

    _taken: set[str]

    @classmethod
    def none(cls) -> "UniqueNames":
        return cls(set())

    def take(self, name: str) -> str:
        """The name, or the first of its kind that is free."""
        stem, dot, extension = name.rpartition(".")
        candidate, number = name, 2
        while candidate.casefold() in self._taken:
            candidate = f"{stem}-{number}{dot}{extension}"
            number += 1
        self._taken.add(candidate.casefold())
        return candidate
