"""Serializes a request to the JSON body for EvoLink."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from evolink_studio.catalog.fields import Control, Field, JsonEncoding
from evolink_studio.catalog.media import MediaFile
from evolink_studio.catalog.rules import count_values

UrlByRef = Mapping[str, str]


def serialize_request(
    request: BaseModel, fields: Iterable[Field], urls: UrlByRef
) -> dict[str, Any]:
    """The body without `model`. `urls` maps every `MediaFile.ref` to its URL; else KeyError."""
    body: dict[str, Any] = {}
    for field in fields:
        value = getattr(request, field.name)
        if count_values(value) and value != field.encoding.omitted_value:
            _set_path(body, field.encoding.path, _encode_value(field, value, urls))
            for path, constant in field.encoding.extra_values.items():
                _set_path(body, path, constant)
    return body


def _set_path(body: dict[str, Any], path: str, value: Any) -> None:
    path, _separator, key = path.partition("[].")
    *parents, last_key = path.split(".")
    for parent in parents:
        body = body.setdefault(parent, {})
    body[last_key] = [{key: item} for item in value] if key else value


def _encode_value(field: Field, value: Any, urls: UrlByRef) -> Any:
    if field.control is Control.ROWS:
        return _encode_rows(field, value, urls)
    if field.encoding.as_text:
        return str(value)
    if isinstance(value, list):
        return [_resolve_url(item, urls) for item in value]
    return _resolve_url(value, urls)


def _resolve_url(value: Any, urls: UrlByRef) -> Any:
    return urls[value.ref] if isinstance(value, MediaFile) else value


def _encode_rows(field: Field, rows: list[BaseModel], urls: UrlByRef) -> Any:
    bodies = [serialize_request(row, field.columns, urls) for row in rows]
    encoding: JsonEncoding = field.encoding
    if encoding.key_value_columns:
        key_column, value_column = encoding.key_value_columns
        return {body[key_column]: body[value_column] for body in bodies}
    if encoding.index_key:
        return [{encoding.index_key: position, **body} for position, body in enumerate(bodies, 1)]
    return bodies
