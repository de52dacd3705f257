"""Cropping, turning and padding: exactly the pixels that were asked for."""

import pytest
from PIL import Image

from evolink_studio.library import services
from evolink_studio.library.exceptions import EditFailed, InvalidImage
from evolink_studio.library.media.cropping import Box, Crop, crop_image, place_box
from evolink_studio.library.models import Asset
from tests.library.conftest import NOW
from tests.sample_images import decode_image, encode_image, make_image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def make_quarters(width=40, height=20) -> bytes:
    """Red, green above blue, white."""
    image = Image.new("RGB", (width, height))
    for number, colour in enumerate((RED, GREEN, BLUE, WHITE)):
        corner = (number % 2 * width // 2, number // 2 * height // 2)
        image.paste(colour, (*corner, corner[0] + width // 2, corner[1] + height // 2))
    return encode_image(image, "PNG")


def crop(content=None, **options) -> Image.Image:
    return decode_image(crop_image(content or make_quarters(), "png", Crop(**options)).content)


def corners(image):
    right, bottom = image.width - 1, image.height - 1
    points = [(0, 0), (right, 0), (0, bottom), (right, bottom)]
    return [image.convert("RGB").getpixel(point) for point in points]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [RED, GREEN, BLUE, WHITE]),
        ({"turn": 90}, [BLUE, RED, WHITE, GREEN]),
        ({"turn": 180}, [WHITE, BLUE, GREEN, RED]),
        ({"turn": 270}, [GREEN, WHITE, RED, BLUE]),
        ({"is_mirrored": True}, [GREEN, RED, WHITE, BLUE]),
        ({"turn": 90, "is_mirrored": True}, [RED, BLUE, GREEN, WHITE]),
    ],
)
def test_a_picture_is_turned_clockwise_and_then_mirrored(options, expected):
    assert corners(crop(**options)) == expected


def test_a_box_is_cut_out_to_the_pixel():
    image = crop(box=Box(20, 10, 13, 7))
    assert image.size == (13, 7)
    assert set(corners(image)) == {WHITE}


def test_the_result_has_exactly_the_size_that_a_model_wants():
    assert crop(box=Box(3, 2, 17, 10), size=(1280, 720)).size == (1280, 720)
    assert crop(size=(720, 1280), is_padded=True).size == (720, 1280)


@pytest.mark.parametrize(
    ("size", "ratio", "is_padded", "box"),
    [
        ((1600, 900), (16, 9), False, (0, 0, 1600, 900)),
        ((1600, 900), (1, 1), False, (350, 0, 900, 900)),
        ((1600, 900), (1, 1), True, (0, -350, 1600, 1600)),
        ((900, 1600), (16, 9), False, (0, 547, 900, 506)),
        ((900, 1600), (16, 9), True, (-972, 0, 2844, 1600)),
        ((1, 1000), (1000, 1), False, (0, 499, 1, 1)),
    ],
)
def test_a_box_of_a_ratio_lies_inside_the_picture_or_around_it(size, ratio, is_padded, box):
    assert place_box(*size, ratio, is_padded=is_padded) == box


def test_what_is_beyond_the_picture_becomes_the_border():
    image = crop(ratio=(1, 1), is_padded=True, border="#102030")
    assert image.size == (40, 40)
    assert set(corners(image)) == {(16, 32, 48)}
    assert image.getpixel((1, 11)) == RED
    assert image.getpixel((38, 28)) == WHITE


def test_a_blurred_border_is_made_of_the_picture():
    image = crop(ratio=(1, 1), is_padded=True, border="blur")
    assert len(set(corners(image))) == 4  # of four colours, as the picture is
    assert image.getpixel((1, 11)) == RED


def test_a_transparent_picture_keeps_its_holes_and_its_border_has_none():
    content = encode_image(Image.new("RGBA", (10, 10), (255, 0, 0, 0)), "PNG")
    assert crop(content, box=Box(0, 0, 5, 5)).getpixel((2, 2))[3] == 0
    assert crop(content, ratio=(2, 1), is_padded=True).mode == "RGB"


@pytest.mark.parametrize(
    "options",
    [
        {"box": Box(40, 0, 10, 10)},
        {"box": Box(-50, -50, 10, 10)},
        {"size": (16_384, 1)},
        {"size": (8_000, 8_000)},
        {"box": Box(0, 0, 16_000, 16_000)},
    ],
)
def test_what_cannot_be_made_is_refused(options):
    with pytest.raises(EditFailed):
        crop(**options)


def test_a_crop_is_a_file_of_its_own_that_knows_its_original(owner_client, image_asset):
    values = {"action": "crop", "shape": "1280x720", "padded": "on", "colour": "#ffffff"}
    reply = owner_client.post(f"/library/{image_asset.pk}/edit", values).json()
    assert (reply["width"], reply["height"]) == (1280, 720)
    copy = Asset.objects.get(origin="edit")
    assert copy.derived_from == image_asset
    assert copy.name == image_asset.name
    assert Asset.objects.count() == 2


def test_a_crop_that_changes_nothing_is_the_picture_itself(image_asset):
    assert services.crop_picture(asset=image_asset, crop=Crop(), now=NOW) == image_asset


@pytest.mark.parametrize(
    "values",
    [
        {"shape": "16:0"},
        {"shape": "nonsense"},
        {"turn": "45"},
        {"x": "1", "y": "1", "width": "0", "height": "5"},
        {"border": "colour", "colour": "red; DROP"},
        {"x": "9999", "y": "0", "width": "5", "height": "5"},
    ],
)
def test_a_crop_of_nonsense_says_that_it_cannot_be_made(owner_client, image_asset, values):
    reply = owner_client.post(f"/library/{image_asset.pk}/edit", {"action": "crop", **values})
    assert reply.status_code == 400
    assert "This change cannot be made" in reply.json()["error"]


def test_a_film_is_not_cropped(video_asset):
    with pytest.raises(InvalidImage):
        services.crop_picture(asset=video_asset, crop=Crop(), now=NOW)


def test_every_format_is_kept(owner):
    for format in ("JPEG", "PNG", "WEBP", "GIF"):
        asset = services.add_image(
            owner=owner, content=make_image(format), name=f"cat.{format}", now=NOW
        )
        copy = services.crop_picture(asset=asset, crop=Crop(turn=90), now=NOW)
        assert (copy.format, copy.width, copy.height) == (asset.format, 48, 64)
