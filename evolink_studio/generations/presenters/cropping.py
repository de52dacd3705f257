"""The shapes that a picture can be cropped to, those of a model's slot first."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext

from evolink_studio.catalog.spec import ModelSpec

COMMON_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9")
_RATIO_PATTERN = re.compile(r"[1-9][0-9]?:[1-9][0-9]?")


@dataclass(frozen=True)
class Shape:
    """`value` is as CropForm reads it; "" is the free shape."""

    value: str
    label: str
    is_chosen: bool


def list_shapes(
    spec: ModelSpec | None, slot: str, aspect_ratio: str, width: int, height: int
) -> list[Shape]:
    """The shapes to offer for a picture of this size; one of them is chosen.

    `aspect_ratio` is what is chosen in the form of the model, of which `slot` is a media field.
    """
    sizes = _list_sizes(spec, slot, aspect_ratio)
    ratios = dict.fromkeys([*_list_ratios(spec), *COMMON_RATIOS])
    chosen = aspect_ratio if aspect_ratio in ratios else ""
    if sizes:
        chosen = min(sizes, key=lambda size: _compare_ratios(size, width, height))
    labels = {size: size.replace("x", " × ") for size in sizes}
    labels |= {"": gettext("Free"), **{ratio: ratio for ratio in ratios}}
    return [Shape(value, label, value == chosen) for value, label in labels.items()]


def _list_sizes(spec: ModelSpec | None, slot: str, aspect_ratio: str) -> list[str]:
    """The sizes in pixels that the slot takes, as "1280x720"; none where it takes any."""
    if spec is None:
        return []
    required_sizes = spec.evaluate({"aspect_ratio": aspect_ratio}).required_sizes
    return [f"{width}x{height}" for width, height in required_sizes.get(slot, ())]


def _list_ratios(spec: ModelSpec | None) -> Iterator[str]:
    for field in spec.fields if spec else ():
        if field.name == "aspect_ratio":
            values = (str(option.value) for option in field.options)
            yield from filter(_RATIO_PATTERN.fullmatch, values)


def _compare_ratios(size: str, width: int, height: int) -> float:
    """How far the shape of a picture is from that of a size; 0 if it is the same."""
    size_width, size_height = map(int, size.split("x"))
    return abs(size_width / size_height - width / height)
