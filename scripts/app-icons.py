"""Draw the icons of the installed studio from the shapes of `static/favicon.svg`."""

from pathlib import Path

from PIL import Image, ImageDraw

FOLDER = Path(__file__).resolve().parent.parent / "static" / "icons"
GROUND, LIGHT = "#1b1713", "#f0ac2b"
GRID = 32  # units of the drawing
PERFORATIONS = [(x, y) for x in (4, 24.5) for y in (5, 11, 17, 23)]  # each 3.5 by 4
ARROW = [(12, 9.5), (12, 22.5), (22, 16)]
OVERSAMPLING = 4
# (file, side in pixels, whether the system cuts it to a shape of its own)
ICONS = (
    ("icon-192", 192, False),
    ("icon-512", 512, False),
    ("icon-maskable-512", 512, True),
    ("apple-touch-icon", 180, True),
)


def draw_icon(side: int, *, is_maskable: bool) -> Image.Image:
    """What may be cut off at the edges of a maskable icon is empty."""
    canvas = side * OVERSAMPLING
    image = Image.new("RGBA", (canvas, canvas), (0, 0, 0, 0))
    drawing = ImageDraw.Draw(image)
    radius = 0 if is_maskable else canvas * 6 / GRID
    drawing.rounded_rectangle((0, 0, canvas - 1, canvas - 1), radius=radius, fill=GROUND)
    unit = canvas / GRID * (0.72 if is_maskable else 1)
    offset = (canvas - GRID * unit) / 2

    def place(x: float, y: float) -> tuple[float, float]:
        return offset + x * unit, offset + y * unit

    for x, y in PERFORATIONS:
        drawing.rectangle((*place(x, y), *place(x + 3.5, y + 4)), fill=LIGHT)
    drawing.polygon([place(x, y) for x, y in ARROW], fill=LIGHT)
    return image.resize((side, side), Image.Resampling.LANCZOS).quantize(32)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, side, is_maskable in ICONS:
        draw_icon(side, is_maskable=is_maskable).save(FOLDER / f"{name}.png", optimize=True)
