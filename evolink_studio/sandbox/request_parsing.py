"""Parses and validates the body of a POST."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from evolink_studio.sandbox import errors
from evolink_studio.sandbox.callbacks import find_callback_url_problem
from evolink_studio.sandbox.model_specs import MODEL_SPECS, SandboxModelSpec
from evolink_studio.sandbox.parameters import (
    ImageUrlParameter,
    ImageUrlsParameter,
    ParsedRequest,
    RequestImage,
    find_member_problems,
)

ImageLookup: TypeAlias = Callable[[str], RequestImage | None]


def parse_body(content: bytes) -> dict[str, Any]:
    """The JSON object of a request. Raises ApiError 400 `invalid_request`."""
    try:
        body = json.loads(content, parse_constant=_reject_constant)
        # A lone surrogate is valid JSON, but cannot be stored or drawn.
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise errors.invalid_request_error("The request body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise errors.invalid_request_error("The request body must be a JSON object.")
    return {name: value for name, value in body.items() if value is not None}


def find_model_spec(body: Mapping[str, object]) -> SandboxModelSpec:
    name = body.get("model")
    if not isinstance(name, str) or not name:
        raise errors.missing_parameter_error("model", "model is required.")
    if name not in MODEL_SPECS:
        raise errors.model_access_error(name)
    return MODEL_SPECS[name]


def parse_callback_url(body: Mapping[str, object], *, allow_loopback: bool) -> str:
    """The callback URL, or "" without one. Raises ApiError."""
    url = body.get("callback_url", "")
    if url == "":
        return ""
    message = find_callback_url_problem(url, allow_loopback=allow_loopback)
    if message is not None:
        raise errors.invalid_request_error(message, "callback_url")
    return str(url)


def parse_request(
    body: Mapping[str, object], spec: SandboxModelSpec, lookup: ImageLookup
) -> ParsedRequest:
    """The request with defaults and pictures filled in. Raises the first problem as ApiError.

    `lookup` is `ImageRepository.find_by_url` for our hosts.
    """
    values = {name: value for name, value in body.items() if name not in ("model", "callback_url")}
    for problem in find_member_problems(values, spec.parameters):
        _reject_parameter(problem.param, problem.message, is_missing=problem.is_missing)
    request = ParsedRequest({**spec.defaults, **values}, _load_images(values, spec, lookup))
    for rule in spec.rules:
        violation = rule(request)
        if violation is not None:
            _reject_parameter(violation.param, violation.message, is_missing=violation.is_missing)
    return request


def _load_images(
    values: Mapping[str, object], spec: SandboxModelSpec, lookup: ImageLookup
) -> dict[str, tuple[RequestImage, ...]]:
    images_by_parameter: dict[str, tuple[RequestImage, ...]] = {}
    for name, parameter in spec.parameters.items():
        if not isinstance(parameter, ImageUrlParameter | ImageUrlsParameter) or name not in values:
            continue
        value = values[name]
        urls = value if isinstance(value, list) else [value]
        images = tuple(_load_image(str(url), name, lookup) for url in urls)
        for image in images:
            problem = parameter.limits.find_problem(image, name)
            if problem is not None:
                _reject_parameter(problem.param, problem.message)
        images_by_parameter[name] = images
    return images_by_parameter


def _load_image(url: str, param: str, lookup: ImageLookup) -> RequestImage:
    try:
        return lookup(url) or RequestImage(url)
    except KeyError as error:
        message = f"The image of {param} does not exist or has expired."
        raise errors.invalid_parameter_error(param, message) from error


def _reject_parameter(param: str, message: str, *, is_missing: bool = False) -> None:
    raise (errors.missing_parameter_error if is_missing else errors.invalid_parameter_error)(
        param, message
    )


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
