"""What lists of films are filtered by: ratio, length and sound.

As asked for at first, then as the saved film is.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TypedDict

from evolink_studio.library.models import Asset

# The ratios that films have; one that is none of them counts as the nearest.
COMMON_RATIOS: Mapping[str, Fraction] = {
    name: Fraction(*map(int, name.split(":")))
    for name in ("21:9", "16:9", "3:2", "4:3", "1:1", "3:4", "2:3", "9:16")
}
MAX_SECONDS = 32_767  # what the column holds


class FilmFacts(TypedDict, total=False):
    """Columns of a generation; without those of which nothing is known."""

    ratio: str
    seconds: int
    has_sound: bool


def find_nearest_ratio(width: int, height: int) -> str:
    """The common ratio that a size in pixels comes nearest to."""
    ratio = Fraction(width, height)
    return min(
        COMMON_RATIOS,
        key=lambda name: max(ratio / COMMON_RATIOS[name], COMMON_RATIOS[name] / ratio),
    )


def find_requested_facts(params: Mapping[str, object]) -> FilmFacts:
    """The facts of a film as it was asked for. What the model chooses is not known yet."""
    facts = FilmFacts()
    ratio, seconds, sound = (params.get(name) for name in ("aspect_ratio", "duration", "sound"))
    if isinstance(ratio, str) and ratio in COMMON_RATIOS:
        facts["ratio"] = ratio
    if isinstance(seconds, int) and 0 < seconds <= MAX_SECONDS:
        facts["seconds"] = seconds
    if sound in ("on", "off", True, False):
        facts["has_sound"] = sound in ("on", True)
    return facts


def find_saved_facts(assets: Iterable[Asset]) -> FilmFacts:
    """The facts of the first saved result that is a film, else of the first one. No query."""
    results = list(assets)
    film = next((asset for asset in results if asset.kind == Asset.Kind.VIDEO), None)
    asset = film or next(iter(results), None)
    facts = FilmFacts()
    if asset is None:
        return facts
    if asset.width and asset.height:
        facts["ratio"] = find_nearest_ratio(asset.width, asset.height)
    if asset.seconds:
        facts["seconds"] = min(max(round(asset.seconds), 1), MAX_SECONDS)
    if asset.has_audio is not None:
        facts["has_sound"] = asset.has_audio
    return facts
