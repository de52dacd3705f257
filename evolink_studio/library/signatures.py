"""What a file is by its first bytes. Its name and the type a browser claims are not asked."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["image", "video", "audio"]

HEAD = 64  # bytes that are enough to tell


@dataclass(frozen=True)
class Container:
    """A film or sound format, and the one demuxer that may open it.

    FFmpeg would try them all, and some of its formats are lists of other files and addresses.
    """

    kind: Kind
    format: str
    mime: str
    demuxer: str


MP4 = Container("video", "mp4", "video/mp4", "mov")
MOV = Container("video", "mov", "video/quicktime", "mov")
WEBM = Container("video", "webm", "video/webm", "matroska")
M4A = Container("audio", "m4a", "audio/mp4", "mov")
MP3 = Container("audio", "mp3", "audio/mpeg", "mp3")
WAV = Container("audio", "wav", "audio/wav", "wav")
OGG = Container("audio", "ogg", "audio/ogg", "ogg")

# The brand after "ftyp" tells which of the many things of this family a file is.
_STILLS = {b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_BRANDS = {b"qt  ": MOV, b"M4A ": M4A, b"M4B ": M4A}
_OLD_QUICKTIME = {b"moov", b"mdat", b"wide", b"skip", b"pnot"}
_STARTS = {b"ID3": MP3, b"OggS": OGG}


def container(head: bytes) -> Container | None:
    """The film or sound format that begins so; None for a picture or anything else."""
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return None if brand in _STILLS else _BRANDS.get(brand, MP4)
    if head[4:8] in _OLD_QUICKTIME:
        return MOV
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return WEBM if b"webm" in head[:HEAD] else None
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return WAV
    if _is_mp3_frame(head):
        return MP3
    return next((found for start, found in _STARTS.items() if head.startswith(start)), None)


def kind_of(head: bytes) -> Kind:
    """Who should judge this file. What nobody knows goes to the pictures, which refuse it."""
    found = container(head)
    return found.kind if found else "image"


def _is_mp3_frame(head: bytes) -> bool:
    # Eleven bits of synchronisation, then layer III.
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2
