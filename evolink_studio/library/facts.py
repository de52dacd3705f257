"""What is known about a file, for whoever judges whether it fits."""

from typing import TypedDict

from evolink_studio.library.models import Asset


class Facts(TypedDict):
    """`bytes` is the weight, the sides are pixels; None where a kind has no such thing."""

    ref: str
    kind: str
    format: str
    bytes: int
    width: int | None
    height: int | None
    seconds: float | None


def facts(asset: Asset) -> Facts:
    """The facts of one file. `ref` names it in forms and requests."""
    return {
        "ref": asset.ref,
        "kind": asset.kind,
        "format": asset.format,
        "bytes": asset.bytes,
        "width": asset.width,
        "height": asset.height,
        "seconds": None if asset.seconds is None else float(asset.seconds),
    }
