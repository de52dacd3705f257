"""The text on a frame: prompt, subtitle, watermark; and the progress bar."""

import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFont

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

WATERMARK = "SANDBOX"
MAX_LINES = 4
WHITE = (255, 255, 255, 255)
TRANSLUCENT_WHITE = (255, 255, 255, 205)
# Pillow's own font has few letters beyond English; these system fonts are tried for the others.
FALLBACK_FONTS = ("NotoSans-Regular.ttf", "DejaVuSans.ttf", "NotoSansCJK-Regular.ttc")
UNDRAWABLE_LETTER = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class _CaptionLayer:
    colours: Image.Image
    mask: Image.Image
    corner: tuple[int, int]


class Caption:
    """Draws itself onto frames, with an `opacity` from 0 to 1; `t` runs from 0 to 1."""

    def __init__(self, text: str, subtitle: str, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._unit = min(width, height) / 100
        self._layer = self._build_layer(text, subtitle)

    def draw(self, frame: Image.Image, t: float, opacity: float = 1.0) -> None:
        if opacity > 0:
            layer = self._layer
            mask = layer.mask
            if opacity < 1:
                mask = mask.point([round(value * opacity) for value in range(256)])
            frame.paste(layer.colours, layer.corner, mask)
        self._draw_progress_bar(frame, t)

    def _draw_progress_bar(self, frame: Image.Image, t: float) -> None:
        thickness = max(3, round(self._unit * 1.1))
        top = self._height - thickness
        pen = ImageDraw.Draw(frame, "RGBA")
        pen.rectangle((0, top, self._width, self._height), fill=(0, 0, 0, 110))
        pen.rectangle((0, top, round(self._width * t), self._height), fill=(255, 255, 255, 230))

    def _build_layer(self, text: str, subtitle: str) -> _CaptionLayer:
        margin = round(self._unit * 6)
        text_font = _choose_font(round(self._unit * 6.2), text)
        subtitle_font = _choose_font(max(12, round(self._unit * 3.6)), subtitle)
        lines = wrap_text(_replace_undrawable(text, text_font), text_font, self._width - 2 * margin)
        line_height, footer_height = round(self._unit * 8), round(self._unit * 6)
        content_height = margin + line_height * len(lines) + footer_height + margin
        image = _build_scrim(
            self._width, min(self._height, content_height + round(self._unit * 14))
        )
        pen = ImageDraw.Draw(image)
        y = image.height - margin - footer_height - line_height * len(lines)
        for line in lines:
            pen.text((margin, y), line, font=text_font, fill=WHITE)
            y += line_height
        pen.text(
            (margin, y + round(self._unit)), subtitle, font=subtitle_font, fill=TRANSLUCENT_WHITE
        )
        watermark_width = pen.textlength(WATERMARK, font=subtitle_font)
        free_width = (
            self._width - margin - pen.textlength(subtitle, font=subtitle_font) - 2 * margin
        )
        if watermark_width < free_width:
            position = (self._width - margin - watermark_width, y + round(self._unit))
            pen.text(position, WATERMARK, font=subtitle_font, fill=TRANSLUCENT_WHITE)
        corner = (0, self._height - image.height)
        return _CaptionLayer(image.convert("RGB"), image.getchannel("A"), corner)


def wrap_text(text: str, font: Font, width: float, max_lines: int = MAX_LINES) -> list[str]:
    """The text in at most `max_lines` lines of `width` pixels; a longer one ends in an
    ellipsis."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        for piece in _split_word(word, font, width):
            extended_line = f"{line} {piece}".strip()
            if line and font.getlength(extended_line) > width:
                lines.append(line)
                line = piece
            else:
                line = extended_line
        if len(lines) > max_lines:
            break
    lines.append(line)
    if len(lines) <= max_lines:
        return lines
    visible_lines = lines[:max_lines]
    while visible_lines[-1] and font.getlength(visible_lines[-1] + "…") > width:
        visible_lines[-1] = visible_lines[-1][:-1]
    visible_lines[-1] += "…"
    return visible_lines


def _split_word(word: str, font: Font, width: float) -> list[str]:
    """A word cut into pieces of at most one line, for scripts without spaces."""
    pieces = [""]
    for letter in word[:400]:
        if pieces[-1] and font.getlength(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _build_scrim(width: int, height: int) -> Image.Image:
    """A shade that grows darker downwards, so that white text is readable on any picture."""
    shade = Image.linear_gradient("L").resize((width, height))
    image = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    image.putalpha(shade.point([round(value * 0.72) for value in range(256)]))
    return image


def _choose_font(size: int, text: str) -> Font:
    """The first font that has every letter, else the one that has most of them."""
    fonts = [ImageFont.load_default(size)]
    for name in FALLBACK_FONTS:
        if _count_undrawable(text, fonts[-1]) == 0:
            return fonts[-1]
        with suppress(OSError):
            fonts.append(ImageFont.truetype(name, size))
    return min(fonts, key=lambda font: _count_undrawable(text, font))


def _count_undrawable(text: str, font: Font) -> int:
    """The number of different letters that this font lacks."""
    return len(_find_undrawable(text, font))


def _replace_undrawable(text: str, font: Font) -> str:
    """The text without letters that the font lacks; "é" may become "e"."""
    replacements = {
        letter: unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
        for letter in _find_undrawable(text, font)
    }
    return "".join(replacements.get(letter, letter) for letter in text)


def _find_undrawable(text: str, font: Font) -> set[str]:
    missing_glyph = bytes(font.getmask(UNDRAWABLE_LETTER))
    return {
        letter
        for letter in set("".join(text.split()))
        if bytes(font.getmask(letter)) == missing_glyph
    }
