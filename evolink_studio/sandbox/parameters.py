"""The kinds of values a request may hold, each able to say what is wrong with one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

MEGABYTE = 1024 * 1024
MOST_BYTES = 10 * MEGABYTE


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where ("duration", "model_params.multi_prompt")."""

    param: str
    message: str
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a request. `file` is its id here; of a foreign address nothing is known."""

    url: str
    file: str | None = None
    format: str = ""
    bytes: int = 0
    width: int = 0
    height: int = 0


class Kind(Protocol):
    def problems(self, value: object, param: str) -> Iterator[Problem]: ...


@dataclass(frozen=True, slots=True)
class Text:
    """A string of at most `longest` characters (None: no stated limit)."""

    longest: int | None = None

    def problems(self, value: object, param: str) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield Problem(param, f"{param} must be a string.")
        elif self.longest is not None and len(value) > self.longest:
            yield Problem(param, f"{param} must not exceed {self.longest} characters.")


@dataclass(frozen=True, slots=True)
class Choice:
    options: tuple[str, ...]

    def problems(self, value: object, param: str) -> Iterator[Problem]:
        if not isinstance(value, str) or value not in self.options:
            yield Problem(param, f"{param} must be one of: {', '.join(self.options)}.")


@dataclass(frozen=True, slots=True)
class Whole:
    """A JSON integer: one of `only`, or between `least` and `most`."""

    least: int = 0
    most: int = 0
    only: tuple[int, ...] = ()

    def problems(self, value: object, param: str) -> Iterator[Problem]:
        if not isinstance(value, int) or isinstance(value, bool):
            yield Problem(param, f"{param} must be an integer.")
        elif self.only and value not in self.only:
            yield Problem(param, f"{param} must be one of: {', '.join(map(str, self.only))}.")
        elif not self.only and not self.least <= value <= self.most:
            yield Problem(param, f"{param} must be between {self.least} and {self.most}.")


@dataclass(frozen=True, slots=True)
class Digits:
    """A whole number of at least 1 written as a string, as Kling wants the seconds of a shot."""

    def problems(self, value: object, param: str) -> Iterator[Problem]:
        fits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 4
        if not fits or int(str(value)) < 1:
            yield Problem(param, f"{param} must be a string holding a whole number of seconds.")


@dataclass(frozen=True, slots=True)
class Flag:
    def problems(self, value: object, param: str) -> Iterator[Problem]:
        if not isinstance(value, bool):
            yield Problem(param, f"{param} must be true or false.")


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """What a picture must be; ratios are the longer side over the shorter one."""

    formats: tuple[str, ...] = ("jpeg", "png", "webp")
    least_side: int = 1
    most_ratio: float | None = None

    def problem(self, picture: Picture, param: str) -> Problem | None:
        if picture.file is None:
            return None
        short, long = sorted((picture.width, picture.height))
        checks = (
            (picture.format in self.formats, f"must be one of: {', '.join(self.formats)}"),
            (picture.bytes <= MOST_BYTES, "must not exceed 10MB"),
            (short >= self.least_side, f"must be at least {self.least_side}px on each side"),
            (
                self.most_ratio is None or long <= self.most_ratio * short,
                f"must have a ratio between 1:{self.most_ratio} and {self.most_ratio}:1",
            ),
        )
        for holds, message in checks:
            if not holds:
                return Problem(param, f"The image of {param} {message}.")
        return None


@dataclass(frozen=True, slots=True)
class PictureUrl:
    limits: PictureLimits = PictureLimits()

    def problems(self, value: object, param: str) -> Iterator[Problem]:
        if not _is_web_address(value):
            yield Problem(param, f"{param} must be an http or https URL.")


@dataclass(frozen=True, slots=True)
class PictureUrls:
    """A list of picture addresses, at most `most`."""

    most: int
    limits: PictureLimits = PictureLimits()

    def problems(self, value: object, param: str) -> Iterator[Problem]:
        if not isinstance(value, list) or not all(map(_is_web_address, value)):
            yield Problem(param, f"{param} must be a list of http or https URLs.")
        elif len(value) > self.most:
            yield Problem(param, f"{param} must not hold more than {self.most} images.")


@dataclass(frozen=True, slots=True)
class Group:
    """An object with known members; `required` ones must be there."""

    members: Mapping[str, Kind]
    required: frozenset[str] = field(default_factory=frozenset)

    def problems(self, value: object, param: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(param, f"{param} must be an object.")
            return
        yield from member_problems(value, self.members, f"{param}.")
        for name in sorted(self.required - value.keys()):
            yield Problem(f"{param}.{name}", f"{param}.{name} is required.", missing=True)


@dataclass(frozen=True, slots=True)
class Rows:
    """A list of objects of one shape; a problem inside is told at the list."""

    row: Group
    most: int

    def problems(self, value: object, param: str) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield Problem(param, f"{param} must be a list.")
        elif not 1 <= len(value) <= self.most:
            yield Problem(param, f"{param} must hold 1 to {self.most} items.")
        else:
            for index, row in enumerate(value):
                for problem in self.row.problems(row, f"{param}[{index}]"):
                    yield Problem(param, problem.message, problem.missing)


def member_problems(
    values: Mapping[str, object], members: Mapping[str, Kind], prefix: str = ""
) -> Iterator[Problem]:
    """Problems of each member on its own; names nobody documented are refused, not ignored."""
    for name, value in values.items():
        kind = members.get(name)
        if kind is None:
            shown = (prefix + name)[:80]
            yield Problem(shown, f"{shown} is not a parameter of this model.")
        elif value is not None:
            yield from kind.problems(value, prefix + name)


def _is_web_address(value: object) -> bool:
    if not isinstance(value, str) or len(value) > 4096:
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


@dataclass(frozen=True, slots=True)
class Asked:
    """Values by parameter name, and the pictures of every parameter that holds addresses."""

    values: Mapping[str, object]
    pictures: Mapping[str, tuple[Picture, ...]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def whole(self, name: str) -> int | None:
        value = self.values.get(name)
        return value if isinstance(value, int) else None

    def pictures_of(self, name: str) -> tuple[Picture, ...]:
        return self.pictures.get(name, ())

    @property
    def every_picture(self) -> tuple[Picture, ...]:
        """In the order of the model's parameters, which is the order of the film."""
        return tuple(picture for group in self.pictures.values() for picture in group)

    def extension(self, name: str) -> object:
        """A member of `model_params`, or None."""
        extensions = self.values.get("model_params")
        return extensions.get(name) if isinstance(extensions, dict) else None

    def extension_rows(self, name: str) -> list[Mapping[str, object]]:
        rows = self.extension(name)
        return rows if isinstance(rows, list) else []

    @property
    def words(self) -> str:
        """The prompt, or the prompts of the shots where those replace it."""
        if self.extension("multi_shot"):
            return " ".join(str(shot["prompt"]) for shot in self.extension_rows("multi_prompt"))
        return self.text("prompt").strip()
