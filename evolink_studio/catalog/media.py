"""Facts about media files, and what a field accepts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator

from evolink_studio.catalog.messages import Message, _

MediaKind = Literal["image", "video", "audio"]

# The smaller of the two meanings of MB, so that no file passes here that EvoLink then refuses.
MEGABYTE = 1_000_000

MIME_TYPES = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "heic": "image/heic",
    "avif": "image/avif",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
}

# Formats of pictures that become JPEG as soon as they are added, so that models take them too.
FORMATS_MADE_JPEG = ("heic", "avif")
# For systems that do not know the types of these.
EXTENSIONS_MADE_JPEG = (".heic", ".heif", ".avif")

WRONG_MEDIA_KIND: dict[MediaKind, Message] = {
    "image": Message(_("This needs a picture.")),
    "video": Message(_("This needs a video.")),
    "audio": Message(_("This needs a sound file.")),
}
WRONG_FILE_FORMAT = Message(
    _("{format} files are not accepted here. Convert it to one of these: {formats}.")
)
FILE_TOO_LARGE = Message(_("This file has {megabytes} MB; at most {limit} MB are accepted."))
SIDES_TOO_SMALL = Message(
    _("This is {width} × {height} pixels; each side needs at least {limit} pixels.")
)
RATIO_TOO_NARROW = Message(
    _("This is {width} × {height} pixels, which is too narrow: at most 1 to {limit} fits.")
)
RATIO_TOO_WIDE = Message(
    _("This is {width} × {height} pixels, which is too wide: at most {limit} to 1 fits.")
)
FORMAT_NOT_NAMED = Message(
    _("{format} may be refused: for this model EvoLink only names {formats}.")
)
SIDES_BELOW_RECOMMENDATION = Message(
    _("This is {width} × {height} pixels. With a side below {limit} it may be refused.")
)
RATIO_BEYOND_RECOMMENDATION = Message(
    _("This is {width} × {height} pixels. Longer than {limit} to 1 it may be refused.")
)
DURATION_TOO_SHORT = Message(_("This runs for {seconds} s; at least {limit} s are needed."))
DURATION_TOO_LONG = Message(_("This runs for {seconds} s; at most {limit} s are accepted."))


class MediaFile(BaseModel):
    """Facts about one file.

    `ref` identifies the file to the studio and is opaque here ("asset:12", or a URL). `format` is
    lower case ("jpeg", never "jpg"), `bytes` the size, `width` and `height` are pixels,
    `seconds` is the length. An unknown fact is None, and is not checked.
    """

    model_config = ConfigDict(frozen=True)

    ref: str
    kind: MediaKind = "image"
    format: str
    bytes: int
    width: int | None = None
    height: int | None = None
    seconds: float | None = None

    @field_validator("format")
    @classmethod
    def _normalize_format(cls, value: str) -> str:
        return "jpeg" if value.lower() == "jpg" else value.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaConstraints:
    """What a field accepts: size in bytes, sides in pixels, ratio as width / height, seconds.

    `recommended_*` are limits of which it is not documented that they hold here: a file beyond
    them is warned of, not refused. The ratio is that of the longer side to the shorter.
    """

    kind: MediaKind
    formats: tuple[str, ...]
    max_bytes: int | None = None
    min_side: int | None = None
    min_ratio: float | None = None
    max_ratio: float | None = None
    min_seconds: float | None = None
    max_seconds: float | None = None
    recommended_formats: tuple[str, ...] = ()
    recommended_min_side: int | None = None
    recommended_max_ratio: float | None = None

    @property
    def format_names(self) -> tuple[str, ...]:
        return tuple(name.upper() for name in self.formats)

    @property
    def addable_formats(self) -> tuple[str, ...]:
        """The formats, and those of files that have one of them once they are added."""
        is_converted = self.kind == "image" and "jpeg" in self.formats
        added_formats = FORMATS_MADE_JPEG if is_converted else ()
        return (*self.formats, *(name for name in added_formats if name not in self.formats))

    @property
    def mime_types(self) -> tuple[str, ...]:
        """The MIME types of the formats."""
        return tuple(MIME_TYPES[name] for name in self.formats)

    @property
    def accept(self) -> tuple[str, ...]:
        """MIME types and extensions for the `accept` attribute of a file input."""
        extensions = EXTENSIONS_MADE_JPEG if self.addable_formats != self.formats else ()
        return (*(MIME_TYPES[name] for name in self.addable_formats), *extensions)

    @property
    def summary(self) -> Message:
        """One line for an empty field: formats and maximum size."""
        formats = tuple(name.upper() for name in self.addable_formats)
        if self.max_bytes is None:
            return Message("{formats}", {"formats": formats})
        values = {"formats": formats, "limit": self.max_bytes / MEGABYTE}
        return Message(_("{formats}, up to {limit} MB"), values)

    def find_violations(self, media: MediaFile) -> tuple[Message, ...]:
        """Every reason why this file is refused; for a wrong kind or format, only that one."""
        if media.kind != self.kind:
            return (WRONG_MEDIA_KIND[self.kind],)
        if media.format not in self.formats:
            format_name = media.format.upper()
            return (WRONG_FILE_FORMAT.with_values(format=format_name, formats=self.format_names),)
        return (
            *self._check_size(media),
            *self._check_dimensions(media),
            *self._check_duration(media),
        )

    def find_warnings(self, media: MediaFile) -> tuple[Message, ...]:
        """Every reason why EvoLink may refuse this file, which is accepted here."""
        return (*self._compare_format(media), *self._compare_dimensions(media))

    def _compare_format(self, media: MediaFile) -> Iterator[Message]:
        if self.recommended_formats and media.format not in self.recommended_formats:
            names = tuple(name.upper() for name in self.recommended_formats)
            yield FORMAT_NOT_NAMED.with_values(format=media.format.upper(), formats=names)

    def _compare_dimensions(self, media: MediaFile) -> Iterator[Message]:
        if not media.width or not media.height:
            return
        size = {"width": media.width, "height": media.height}
        shorter, longer = sorted(size.values())
        if self.recommended_min_side is not None and shorter < self.recommended_min_side:
            yield SIDES_BELOW_RECOMMENDATION.with_values(**size, limit=self.recommended_min_side)
        if self.recommended_max_ratio is not None and longer / shorter > self.recommended_max_ratio:
            yield RATIO_BEYOND_RECOMMENDATION.with_values(**size, limit=self.recommended_max_ratio)

    def _check_size(self, media: MediaFile) -> Iterator[Message]:
        if self.max_bytes is not None and media.bytes > self.max_bytes:
            megabytes = round(media.bytes / MEGABYTE + 0.05, 1)  # never rounded down to the limit
            yield FILE_TOO_LARGE.with_values(megabytes=megabytes, limit=self.max_bytes / MEGABYTE)

    def _check_dimensions(self, media: MediaFile) -> Iterator[Message]:
        if not media.width or not media.height:
            return
        size = {"width": media.width, "height": media.height}
        ratio = media.width / media.height
        if self.min_side is not None and min(size.values()) < self.min_side:
            yield SIDES_TOO_SMALL.with_values(**size, limit=self.min_side)
        if self.min_ratio is not None and ratio < self.min_ratio:
            yield RATIO_TOO_NARROW.with_values(**size, limit=1 / self.min_ratio)
        if self.max_ratio is not None and ratio > self.max_ratio:
            yield RATIO_TOO_WIDE.with_values(**size, limit=self.max_ratio)

    def _check_duration(self, media: MediaFile) -> Iterator[Message]:
        if media.seconds is None:
            return
        if self.min_seconds is not None and media.seconds < self.min_seconds:
            yield DURATION_TOO_SHORT.with_values(seconds=media.seconds, limit=self.min_seconds)
        if self.max_seconds is not None and media.seconds > self.max_seconds:
            yield DURATION_TOO_LONG.with_values(seconds=media.seconds, limit=self.max_seconds)


def list_media_files(value: object) -> list[MediaFile]:
    """The files in a field's value, which is one file, a list, or something else."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, MediaFile)]
