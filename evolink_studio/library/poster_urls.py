"""Where a file's posters are, in the sizes that pages show."""

from dataclasses import dataclass

from django.urls import reverse

from evolink_studio.library.media.images import POSTER_SIDES
from evolink_studio.library.models import Asset


@dataclass(frozen=True)
class PosterUrls:
    """A URL for each size; all are "" for a sound.

    Each shows a poster: a file without the large one has the medium one there, and a small one
    that is missing is made when it is first asked for.
    """

    small: str = ""
    medium: str = ""
    large: str = ""

    @property
    def tile_srcset(self) -> str:
        """For tiles of a gallery, as `srcset` takes it. A browser counts on the longest side."""
        if not self.medium:
            return ""
        return f"{self.small} {POSTER_SIDES['small']}w, {self.medium} {POSTER_SIDES['medium']}w"


def build_poster_urls(asset: Asset) -> PosterUrls:
    """The URLs for the owner of the file."""
    if not asset.poster:
        return PosterUrls()
    medium = reverse("asset_poster", args=[asset.pk])
    return PosterUrls(
        small=reverse("asset_small_poster", args=[asset.pk]),
        medium=medium,
        large=reverse("asset_large_poster", args=[asset.pk]) if asset.poster_large else medium,
    )


def build_picture_srcset(asset: Asset, posters: PosterUrls, url: str) -> str:
    """The large poster of a picture, and at `url` the picture itself; "" if it is no larger."""
    longest_side = max(asset.width or 0, asset.height or 0)
    side = POSTER_SIDES["large"]
    if not asset.poster_large or not asset.width or longest_side <= side:
        return ""
    return f"{posters.large} {asset.width * side // longest_side}w, {url} {asset.width}w"
