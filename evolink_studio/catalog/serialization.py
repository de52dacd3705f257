"""Writes a request as the JSON body that EvoLink takes."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from evolink_studio.catalog.fields import Control, Field, Wire
from evolink_studio.catalog.media import Media
from evolink_studio.catalog.rules import amount

Urls = Mapping[str, str]


def body_of(request: BaseModel, fields: Iterable[Field], urls: Urls) -> dict[str, Any]:
    """The body without its `model`. `urls` has the URL of every `Media.ref`; else KeyError."""
    body: dict[str, Any] = {}
    for field in fields:
        value = getattr(request, field.name)
        if amount(value) and value != field.wire.unsent:
            _place(body, field.wire.path, _encoded(field, value, urls))
            for path, constant in field.wire.along.items():
                _place(body, path, constant)
    return body


def _place(body: dict[str, Any], path: str, value: Any) -> None:
    path, _wrapped, key = path.partition("[].")
    *parents, last = path.split(".")
    for parent in parents:
        body = body.setdefault(parent, {})
    body[last] = [{key: item} for item in value] if key else value


def _encoded(field: Field, value: Any, urls: Urls) -> Any:
    if field.control is Control.ROWS:
        return _rows(field, value, urls)
    if field.wire.as_text:
        return str(value)
    if isinstance(value, list):
        return [_url(item, urls) for item in value]
    return _url(value, urls)


def _url(value: Any, urls: Urls) -> Any:
    return urls[value.ref] if isinstance(value, Media) else value


def _rows(field: Field, rows: list[BaseModel], urls: Urls) -> Any:
    bodies = [body_of(row, field.columns, urls) for row in rows]
    wire: Wire = field.wire
    if wire.keyed:
        key, value = wire.keyed
        return {body[key]: body[value] for body in bodies}
    if wire.counted:
        return [{wire.counted: place, **body} for place, body in enumerate(bodies, 1)]
    return bodies
