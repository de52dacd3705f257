"""The contract cases: requests worked out by hand from the documentation.

Read by the tests of the catalogue and by those of the form, so that both keep the same word.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evolink_studio.catalog import MediaFile

FILE = Path(__file__).with_name("contract-cases.json")


@dataclass(frozen=True)
class Picture:
    """A picture given in a case: the name that stands for its URL, and its facts."""

    name: str
    width: int
    height: int
    format: str

    def media(self, ref: str | None = None) -> MediaFile:
        return MediaFile(
            ref=ref or self.name,
            kind="image",
            format=self.format,
            bytes=1000,
            width=self.width,
            height=self.height,
        )


@dataclass(frozen=True)
class Case:
    """`fields` is what a person enters; refused cases have the `field` of the error."""

    model: str
    name: str
    fields: dict[str, Any]
    pictures: dict[str, list[Picture]]
    accept: bool
    payload: dict[str, Any]
    absent: list[str]
    field: str

    def __str__(self) -> str:
        return f"{self.model}: {self.name}"

    def raw(self) -> dict[str, Any]:
        """What is entered, with the pictures as Media whose `ref` is their name."""
        files = {
            name: [picture.media() for picture in pictures]
            for name, pictures in self.pictures.items()
        }
        return {**self.fields, **files}

    def urls(self) -> dict[str, str]:
        """A URL for each picture, by its name."""
        names = [picture.name for pictures in self.pictures.values() for picture in pictures]
        return {name: f"https://files.example/{place}.png" for place, name in enumerate(names)}

    def expected(self, urls: dict[str, str]) -> dict[str, Any]:
        """`payload`, with the names of pictures replaced by their URLs."""
        return {key: _with_urls(value, urls) for key, value in self.payload.items()}


def _with_urls(value: Any, urls: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_with_urls(item, urls) for item in value]
    return urls.get(value, value) if isinstance(value, str) else value


def _case(entry: dict[str, Any]) -> Case:
    pictures = {
        field: [
            Picture(f"<{field} {place}>", image["w"], image["h"], image["format"])
            for place, image in enumerate(images, 1)
        ]
        for field, images in entry["images"].items()
    }
    return Case(
        model=entry["model"],
        name=entry["name"],
        fields=entry["fields"],
        pictures=pictures,
        accept=entry["accept"],
        payload=entry.get("payload", {}),
        absent=entry.get("absent", []),
        field=entry.get("field", ""),
    )


CASES = [_case(entry) for entry in json.loads(FILE.read_text("utf-8"))["cases"]]
