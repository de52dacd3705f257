"""From the bytes of a POST to a checked request."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from evolink_studio.sandbox import errors
from evolink_studio.sandbox.callbacks import callback_problem
from evolink_studio.sandbox.model_specs import MODELS, Model
from evolink_studio.sandbox.parameters import (
    Asked,
    Picture,
    PictureUrl,
    PictureUrls,
    member_problems,
)

Lookup: TypeAlias = Callable[[str], Picture | None]


def read_body(content: bytes) -> dict[str, Any]:
    """The JSON object of a request. Raises ApiError 400 `invalid_request`."""
    try:
        body = json.loads(content, parse_constant=_refuse_constant)
        # Half of a surrogate pair is valid JSON, but no text that could be kept or drawn.
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as problem:
        raise errors.invalid_request("The request body is not valid JSON.") from problem
    if not isinstance(body, dict):
        raise errors.invalid_request("The request body must be a JSON object.")
    return {name: value for name, value in body.items() if value is not None}


def model_of(body: Mapping[str, object]) -> Model:
    name = body.get("model")
    if not isinstance(name, str) or not name:
        raise errors.missing_parameter("model", "model is required.")
    if name not in MODELS:
        raise errors.model_denied(name)
    return MODELS[name]


def callback_of(body: Mapping[str, object], *, allow_loopback: bool) -> str:
    """The callback address, or an empty text when there is none."""
    url = body.get("callback_url", "")
    if url == "":
        return ""
    message = callback_problem(url, allow_loopback=allow_loopback)
    if message is not None:
        raise errors.invalid_request(message, "callback_url")
    return str(url)


def check(body: Mapping[str, object], model: Model, lookup: Lookup) -> Asked:
    """The request with defaults and pictures filled in. Raises the first problem as ApiError.

    `lookup` gives what is known of a picture by its address: None for a foreign address; it raises
    KeyError for a picture of ours that is gone.
    """
    given = {name: value for name, value in body.items() if name not in ("model", "callback_url")}
    for problem in member_problems(given, model.parameters):
        _refuse(problem.param, problem.message, missing=problem.missing)
    asked = Asked({**model.defaults, **given}, _pictures(given, model, lookup))
    for rule in model.rules:
        broken = rule(asked)
        if broken is not None:
            _refuse(broken.param, broken.message, missing=broken.missing)
    return asked


def _pictures(
    given: Mapping[str, object], model: Model, lookup: Lookup
) -> dict[str, tuple[Picture, ...]]:
    found: dict[str, tuple[Picture, ...]] = {}
    for name, kind in model.parameters.items():
        if not isinstance(kind, PictureUrl | PictureUrls) or name not in given:
            continue
        value = given[name]
        urls = value if isinstance(value, list) else [value]
        pictures = tuple(_picture(str(url), name, lookup) for url in urls)
        for picture in pictures:
            problem = kind.limits.problem(picture, name)
            if problem is not None:
                _refuse(problem.param, problem.message)
        found[name] = pictures
    return found


def _picture(url: str, param: str, lookup: Lookup) -> Picture:
    try:
        return lookup(url) or Picture(url)
    except KeyError as gone:
        message = f"The image of {param} does not exist or has expired."
        raise errors.invalid_parameter(param, message) from gone


def _refuse(param: str, message: str, *, missing: bool = False) -> None:
    raise (errors.missing_parameter if missing else errors.invalid_parameter)(param, message)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
