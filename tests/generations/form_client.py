"""Filling the form in and pressing its buttons, the way a browser without scripts does."""

import io
import uuid
from urllib.request import urlopen

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from tests.factories import VEO
from tests.form_pages import ParsedPage
from tests.sample_images import decode_image, encode_image

HTMX_HEADERS = {"HX-Request": "true"}


def to_form_data(fields: dict[str, object]) -> dict[str, object]:
    """Values as the form's controls send them."""
    data: dict[str, object] = {}
    for name, value in fields.items():
        if isinstance(value, bool):
            data[name] = "true" if value else "false"
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for number, row in enumerate(value):
                data |= {f"{name}-{number}-{column}": str(cell) for column, cell in row.items()}
        elif isinstance(value, list):
            data[name] = "\r\n".join(map(str, value))
        else:
            data[name] = str(value)
    return data


def open_create_page(client: Client, model_id: str = VEO, query: str = "") -> ParsedPage:
    """The page of a model."""
    return ParsedPage(client.get(f"/create/{model_id}/{query}"))


def post_form(
    client: Client, model_id: str, fields=None, *, action="", form_key=None, is_htmx=False, **files
):
    """Press a button of the form: Generate, or with `action` another one. Files by their field."""
    data = {"prompt": "A cat playing piano", **(fields or {}), **files}
    data = {"form_key": form_key or uuid.uuid4(), **data}
    path = f"/create/{model_id}/" + (f"{action}/" if action else "")
    return client.post(path, data, headers=HTMX_HEADERS if is_htmx else {})


def make_numbered_image(number: int, width=64, height=48, format="png") -> SimpleUploadedFile:
    """A picture file that shows its number by its colour."""
    image = Image.new("RGB", (width, height), (number * 20, 0, 0))
    content = encode_image(image, format.upper())
    return SimpleUploadedFile(f"picture-{number}.{format}", content, f"image/{format}")


def read_image_number(url: str) -> int:
    """The number of the picture that stands at this address."""
    with urlopen(url) as answer:
        image = decode_image(io.BytesIO(answer.read()).getvalue())
    return round(image.convert("RGB").getpixel((5, 5))[0] / 20)
