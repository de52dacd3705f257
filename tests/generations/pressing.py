"""Filling the form in and pressing its buttons, the way a browser without scripts does."""

import io
import uuid
from urllib.request import urlopen

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from tests.factories import VEO
from tests.page import Page
from tests.pictures import encoded, opened

HTMX = {"HX-Request": "true"}


def as_typed(fields: dict[str, object]) -> dict[str, object]:
    """Values as the form's controls send them."""
    typed: dict[str, object] = {}
    for name, value in fields.items():
        if isinstance(value, bool):
            typed[name] = "true" if value else "false"
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for number, row in enumerate(value):
                typed |= {f"{name}-{number}-{column}": str(cell) for column, cell in row.items()}
        elif isinstance(value, list):
            typed[name] = "\r\n".join(map(str, value))
        else:
            typed[name] = str(value)
    return typed


def seen(client: Client, model: str = VEO, query: str = "") -> Page:
    """The page of a model."""
    return Page(client.get(f"/create/{model}/{query}"))


def press(client: Client, model: str, typed=None, *, where="", key=None, htmx=False, **files):
    """Press a button of the form: Generate, or with `where` another one. Files by their field."""
    data = {"prompt": "A cat playing piano", **(typed or {}), **files}
    data = {"form_key": key or uuid.uuid4(), **data}
    path = f"/create/{model}/" + (f"{where}/" if where else "")
    return client.post(path, data, headers=HTMX if htmx else {})


def numbered(number: int, width=64, height=48, format="png") -> SimpleUploadedFile:
    """A picture file that shows its number by its colour."""
    image = Image.new("RGB", (width, height), (number * 20, 0, 0))
    content = encoded(image, format.upper())
    return SimpleUploadedFile(f"picture-{number}.{format}", content, f"image/{format}")


def number_at(url: str) -> int:
    """The number of the picture that stands at this address."""
    with urlopen(url) as answer:
        image = opened(io.BytesIO(answer.read()).getvalue())
    return round(image.convert("RGB").getpixel((5, 5))[0] / 20)
