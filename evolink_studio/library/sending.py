"""What of an asset is sent, and under which name."""

from evolink_studio.library.models import Asset
from evolink_studio.library.serving import Sent


def file_of(asset: Asset, *, attachment: bool = False) -> Sent:
    """The file itself."""
    return Sent(str(asset.file), asset.sha256, asset.mime, asset.name, attachment)


def poster_of(asset: Asset) -> Sent | None:
    """Its small picture; a sound has none."""
    if not asset.poster:
        return None
    etag, name = f"{asset.sha256}-poster", f"{asset.name}.webp"
    return Sent(str(asset.poster), etag, "image/webp", name, small=True)
