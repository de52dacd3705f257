"""The contract cases: requests worked out by hand from the documentation.

Used by the tests of the catalogue and by those of the form.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evolink_studio.catalog import MediaFile

CASES_PATH = Path(__file__).with_name("contract-cases.json")


@dataclass(frozen=True)
class CasePicture:
    """A picture given in a case: the name that stands for its URL, and its facts."""

    name: str
    width: int
    height: int
    format: str

    def to_media_file(self, ref: str | None = None) -> MediaFile:
        return MediaFile(
            ref=ref or self.name,
            kind="image",
            format=self.format,
            bytes=1000,
            width=self.width,
            height=self.height,
        )


@dataclass(frozen=True)
class ContractCase:
    """`fields` is what a person enters; refused cases have the `field` of the error."""

    model_id: str
    name: str
    fields: dict[str, Any]
    pictures: dict[str, list[CasePicture]]
    is_accepted: bool
    payload: dict[str, Any]
    absent: list[str]
    error_field: str

    def __str__(self) -> str:
        return f"{self.model_id}: {self.name}"

    def raw_values(self) -> dict[str, Any]:
        """What is entered, with the pictures as MediaFile whose `ref` is their name."""
        files = {
            name: [picture.to_media_file() for picture in pictures]
            for name, pictures in self.pictures.items()
        }
        return {**self.fields, **files}

    def picture_urls(self) -> dict[str, str]:
        """A URL for each picture, by its name."""
        names = [picture.name for pictures in self.pictures.values() for picture in pictures]
        return {name: f"https://files.example/{number}.png" for number, name in enumerate(names)}

    def expected_payload(self, urls: dict[str, str]) -> dict[str, Any]:
        """`payload`, with the names of pictures replaced by their URLs."""
        return {key: _replace_names(value, urls) for key, value in self.payload.items()}


def _replace_names(value: Any, urls: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_replace_names(item, urls) for item in value]
    return urls.get(value, value) if isinstance(value, str) else value


def _parse_case(entry: dict[str, Any]) -> ContractCase:
    pictures = {
        field: [
            CasePicture(f"<{field} {number}>", image["w"], image["h"], image["format"])
            for number, image in enumerate(images, 1)
        ]
        for field, images in entry["images"].items()
    }
    return ContractCase(
        model_id=entry["model"],
        name=entry["name"],
        fields=entry["fields"],
        pictures=pictures,
        is_accepted=entry["accept"],
        payload=entry.get("payload", {}),
        absent=entry.get("absent", []),
        error_field=entry.get("field", ""),
    )


CASES = [_parse_case(entry) for entry in json.loads(CASES_PATH.read_text("utf-8"))["cases"]]
