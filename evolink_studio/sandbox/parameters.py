"""Types of parameters, each of which validates its values; the parsed request."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

BYTES_PER_MEGABYTE = 1024 * 1024
MAX_IMAGE_BYTES = 10 * BYTES_PER_MEGABYTE


@dataclass(frozen=True, slots=True)
class ParameterProblem:
    """What is wrong, and at which parameter ("duration", "model_params.multi_prompt")."""

    param: str
    message: str
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class RequestImage:
    """A picture of a request. For a foreign URL `file_id` is None and nothing else is known."""

    url: str
    file_id: str | None = None
    format: str = ""
    size_bytes: int = 0
    width: int = 0
    height: int = 0


class Parameter(Protocol):
    def find_problems(self, value: object, param: str) -> Iterator[ParameterProblem]: ...


@dataclass(frozen=True, slots=True)
class StringParameter:
    """A string of at most `max_chars` characters (None: no stated limit)."""

    max_chars: int | None = None

    def find_problems(self, value: object, param: str) -> Iterator[ParameterProblem]:
        if not isinstance(value, str):
            yield ParameterProblem(param, f"{param} must be a string.")
        elif self.max_chars is not None and len(value) > self.max_chars:
            yield ParameterProblem(param, f"{param} must not exceed {self.max_chars} characters.")


@dataclass(frozen=True, slots=True)
class ChoiceParameter:
    options: tuple[str, ...]

    def find_problems(self, value: object, param: str) -> Iterator[ParameterProblem]:
        if not isinstance(value, str) or value not in self.options:
            yield ParameterProblem(param, f"{param} must be one of: {', '.join(self.options)}.")


@dataclass(frozen=True, slots=True)
class IntegerParameter:
    """A JSON integer: one of `allowed_values`, or between `min_value` and `max_value`."""

    min_value: int = 0
    max_value: int = 0
    allowed_values: tuple[int, ...] = ()

    def find_problems(self, value: object, param: str) -> Iterator[ParameterProblem]:
        if not isinstance(value, int) or isinstance(value, bool):
            yield ParameterProblem(param, f"{param} must be an integer.")
        elif self.allowed_values and value not in self.allowed_values:
            yield ParameterProblem(
                param, f"{param} must be one of: {', '.join(map(str, self.allowed_values))}."
            )
        elif not self.allowed_values and not self.min_value <= value <= self.max_value:
            yield ParameterProblem(
                param, f"{param} must be between {self.min_value} and {self.max_value}."
            )


@dataclass(frozen=True, slots=True)
class DigitsParameter:
    """A whole number from 1 as a string, as Kling requires for the seconds of a shot."""

    def find_problems(self, value: object, param: str) -> Iterator[ParameterProblem]:
        is_valid = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 4
        if not is_valid or int(str(value)) < 1:
            yield ParameterProblem(
                param, f"{param} must be a string holding a whole number of seconds."
            )


@dataclass(frozen=True, slots=True)
class BooleanParameter:
    def find_problems(self, value: object, param: str) -> Iterator[ParameterProblem]:
        if not isinstance(value, bool):
            yield ParameterProblem(param, f"{param} must be true or false.")


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Limits of a picture. Sides in pixels; ratio: the longer side over the shorter one."""

    formats: tuple[str, ...] = ("jpeg", "png", "webp")
    min_side: int = 1
    max_ratio: float | None = None

    def find_problem(self, image: RequestImage, param: str) -> ParameterProblem | None:
        if image.file_id is None:
            return None
        short_side, long_side = sorted((image.width, image.height))
        checks = (
            (image.format in self.formats, f"must be one of: {', '.join(self.formats)}"),
            (image.size_bytes <= MAX_IMAGE_BYTES, "must not exceed 10MB"),
            (short_side >= self.min_side, f"must be at least {self.min_side}px on each side"),
            (
                self.max_ratio is None or long_side <= self.max_ratio * short_side,
                f"must have a ratio between 1:{self.max_ratio} and {self.max_ratio}:1",
            ),
        )
        for is_ok, message in checks:
            if not is_ok:
                return ParameterProblem(param, f"The image of {param} {message}.")
        return None


@dataclass(frozen=True, slots=True)
class ImageUrlParameter:
    limits: ImageLimits = ImageLimits()

    def find_problems(self, value: object, param: str) -> Iterator[ParameterProblem]:
        if not _is_web_url(value):
            yield ParameterProblem(param, f"{param} must be an http or https URL.")


@dataclass(frozen=True, slots=True)
class ImageUrlsParameter:
    """A list of at most `max_items` picture URLs."""

    max_items: int
    limits: ImageLimits = ImageLimits()

    def find_problems(self, value: object, param: str) -> Iterator[ParameterProblem]:
        if not isinstance(value, list) or not all(map(_is_web_url, value)):
            yield ParameterProblem(param, f"{param} must be a list of http or https URLs.")
        elif len(value) > self.max_items:
            yield ParameterProblem(
                param, f"{param} must not hold more than {self.max_items} images."
            )


@dataclass(frozen=True, slots=True)
class ObjectParameter:
    """An object with these members, of which `required` must be present."""

    members: Mapping[str, Parameter]
    required: frozenset[str] = field(default_factory=frozenset)

    def find_problems(self, value: object, param: str) -> Iterator[ParameterProblem]:
        if not isinstance(value, dict):
            yield ParameterProblem(param, f"{param} must be an object.")
            return
        yield from find_member_problems(value, self.members, f"{param}.")
        for name in sorted(self.required - value.keys()):
            yield ParameterProblem(
                f"{param}.{name}", f"{param}.{name} is required.", is_missing=True
            )


@dataclass(frozen=True, slots=True)
class ListParameter:
    """A list of objects of one shape; a problem in an item is reported at the list."""

    row: ObjectParameter
    max_items: int

    def find_problems(self, value: object, param: str) -> Iterator[ParameterProblem]:
        if not isinstance(value, list):
            yield ParameterProblem(param, f"{param} must be a list.")
        elif not 1 <= len(value) <= self.max_items:
            yield ParameterProblem(param, f"{param} must hold 1 to {self.max_items} items.")
        else:
            for index, row in enumerate(value):
                for problem in self.row.find_problems(row, f"{param}[{index}]"):
                    yield ParameterProblem(param, problem.message, problem.is_missing)


def find_member_problems(
    values: Mapping[str, object], members: Mapping[str, Parameter], prefix: str = ""
) -> Iterator[ParameterProblem]:
    """Problems of each member by itself; unknown names are problems, too."""
    for name, value in values.items():
        parameter = members.get(name)
        if parameter is None:
            full_name = (prefix + name)[:80]
            yield ParameterProblem(full_name, f"{full_name} is not a parameter of this model.")
        elif value is not None:
            yield from parameter.find_problems(value, prefix + name)


def _is_web_url(value: object) -> bool:
    if not isinstance(value, str) or len(value) > 4096:
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """Values by parameter name, and the pictures of every parameter with picture URLs."""

    values: Mapping[str, object]
    images: Mapping[str, tuple[RequestImage, ...]] = field(default_factory=dict)

    def get_text(self, name: str) -> str:
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def get_integer(self, name: str) -> int | None:
        value = self.values.get(name)
        return value if isinstance(value, int) else None

    def get_images(self, name: str) -> tuple[RequestImage, ...]:
        return self.images.get(name, ())

    @property
    def all_images(self) -> tuple[RequestImage, ...]:
        """All pictures in the order of the model's parameters, which is the order of the film."""
        return tuple(image for group in self.images.values() for image in group)

    def get_model_param(self, name: str) -> object:
        """A member of `model_params`, or None."""
        model_params = self.values.get("model_params")
        return model_params.get(name) if isinstance(model_params, dict) else None

    def get_model_param_rows(self, name: str) -> list[Mapping[str, object]]:
        rows = self.get_model_param(name)
        return rows if isinstance(rows, list) else []

    @property
    def prompt_text(self) -> str:
        """The prompt, or the prompts of the shots if there are several."""
        if self.get_model_param("multi_shot"):
            return " ".join(
                str(shot["prompt"]) for shot in self.get_model_param_rows("multi_prompt")
            )
        return self.get_text("prompt").strip()
