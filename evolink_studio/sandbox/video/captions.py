"""The words on the picture: the prompt, the facts, the mark of the sandbox, the bar of time."""

import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFont

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

MARK = "SANDBOX"
MOST_LINES = 4
WHITE = (255, 255, 255, 255)
SOFT = (255, 255, 255, 205)
# Pillow's own font is the prettiest and knows little more than English; these of the machine are
# tried for what it cannot write.
WIDE_FONTS = ("NotoSans-Regular.ttf", "DejaVuSans.ttf", "NotoSansCJK-Regular.ttc")
NO_LETTER = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class _Layer:
    colours: Image.Image
    mask: Image.Image
    corner: tuple[int, int]


class Caption:
    """Draws itself onto frames; `strength` from 0 to 1 lets it fade in and out."""

    def __init__(self, words: str, facts: str, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._unit = min(width, height) / 100
        self._layer = self._drawn(words, facts)

    def draw(self, frame: Image.Image, t: float, strength: float = 1.0) -> None:
        if strength > 0:
            layer = self._layer
            mask = layer.mask
            if strength < 1:
                mask = mask.point([round(value * strength) for value in range(256)])
            frame.paste(layer.colours, layer.corner, mask)
        self._bar(frame, t)

    def _bar(self, frame: Image.Image, t: float) -> None:
        thick = max(3, round(self._unit * 1.1))
        top = self._height - thick
        pen = ImageDraw.Draw(frame, "RGBA")
        pen.rectangle((0, top, self._width, self._height), fill=(0, 0, 0, 110))
        pen.rectangle((0, top, round(self._width * t), self._height), fill=(255, 255, 255, 230))

    def _drawn(self, words: str, facts: str) -> _Layer:
        edge = round(self._unit * 6)
        large = _font(round(self._unit * 6.2), words)
        small = _font(max(12, round(self._unit * 3.6)), facts)
        lines = wrapped(_written(words, large), large, self._width - 2 * edge)
        step, foot = round(self._unit * 8), round(self._unit * 6)
        tall = edge + step * len(lines) + foot + edge
        picture = _scrim(self._width, min(self._height, tall + round(self._unit * 14)))
        pen = ImageDraw.Draw(picture)
        y = picture.height - edge - foot - step * len(lines)
        for line in lines:
            pen.text((edge, y), line, font=large, fill=WHITE)
            y += step
        pen.text((edge, y + round(self._unit)), facts, font=small, fill=SOFT)
        mark = pen.textlength(MARK, font=small)
        room = self._width - edge - pen.textlength(facts, font=small) - 2 * edge
        if mark < room:
            place = (self._width - edge - mark, y + round(self._unit))
            pen.text(place, MARK, font=small, fill=SOFT)
        corner = (0, self._height - picture.height)
        return _Layer(picture.convert("RGB"), picture.getchannel("A"), corner)


def wrapped(words: str, font: Font, width: float, most: int = MOST_LINES) -> list[str]:
    """The words as at most `most` lines of `width` pixels; what is too much ends in an ellipsis."""
    lines: list[str] = []
    line = ""
    for word in words.split():
        for piece in _pieces(word, font, width):
            longer = f"{line} {piece}".strip()
            if line and font.getlength(longer) > width:
                lines.append(line)
                line = piece
            else:
                line = longer
        if len(lines) > most:
            break
    lines.append(line)
    if len(lines) <= most:
        return lines
    kept = lines[:most]
    while kept[-1] and font.getlength(kept[-1] + "…") > width:
        kept[-1] = kept[-1][:-1]
    kept[-1] += "…"
    return kept


def _pieces(word: str, font: Font, width: float) -> list[str]:
    """A word that is wider than a line, cut; scripts without spaces depend on it."""
    pieces = [""]
    for letter in word[:400]:
        if pieces[-1] and font.getlength(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _scrim(width: int, height: int) -> Image.Image:
    """A shade that grows downwards, so that white letters can be read on any picture."""
    shade = Image.linear_gradient("L").resize((width, height))
    picture = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    picture.putalpha(shade.point([round(value * 0.72) for value in range(256)]))
    return picture


def _font(size: int, words: str) -> Font:
    """The first font that can write every letter, else the one that can write most of them."""
    fonts = [ImageFont.load_default(size)]
    for name in WIDE_FONTS:
        if _strange(words, fonts[-1]) == 0:
            return fonts[-1]
        with suppress(OSError):
            fonts.append(ImageFont.truetype(name, size))
    return min(fonts, key=lambda font: _strange(words, font))


def _strange(words: str, font: Font) -> int:
    """How many of the letters this font has no drawing for."""
    return len(_undrawable(words, font))


def _written(words: str, font: Font) -> str:
    """The words without the letters that would only be boxes; "é" may still be an "e"."""
    bare = {
        letter: unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
        for letter in _undrawable(words, font)
    }
    return "".join(bare.get(letter, letter) for letter in words)


def _undrawable(words: str, font: Font) -> set[str]:
    box = bytes(font.getmask(NO_LETTER))
    return {letter for letter in set("".join(words.split())) if bytes(font.getmask(letter)) == box}
