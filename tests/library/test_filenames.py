"""Names of files: what people gave them, without what deceives or what a disk refuses."""

import pytest

from evolink_studio.library.filenames import MAX_NAME_BYTES, MAX_NAME_LENGTH, clean_name
from tests.library.test_uploads import post_upload
from tests.sample_images import make_image

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
RAINBOW = "\U0001f3f3\ufe0f\u200d\U0001f308"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
THUMB = "\U0001f44d\U0001f3fd"
GERMANY = "\U0001f1e9\U0001f1ea"
PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
HINDI = "\u0915\u094d\u200d\u0937"
SIGNS = [FAMILY, RAINBOW, ENGLAND, THUMB, GERMANY, PERSIAN, HINDI, "e\u0301\u0323"]


@pytest.mark.parametrize("sign", SIGNS[:-1])
def test_what_is_built_of_several_characters_stays_whole(owner_client, sign):
    assert clean_name(f"{sign}.png") == f"{sign}.png"
    data = post_upload(owner_client, make_image(), f"me {sign} there.png").json()
    assert data["name"] == f"me {sign} there.png"


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("cat\u202egnp.exe", "catgnp.exe"),
        ("\u2066cat\u2069.png", "cat.png"),
        ("a\u200db.png", "ab.png"),  # joins nothing that looks different
        ("\u200d\u200cx.png", "x.png"),
        ("\U0001f469\u200d\u200d\u200d\U0001f680.png", "\U0001f469\u200d\U0001f680.png"),
        ("\U0001f469\u200d.png", "\U0001f469.png"),
        ("cat\U000e0041\U000e0042.png", "cat.png"),  # tags without a flag
        ("\U0001f3f4\U000e0067.png", "\U0001f3f4.png"),
        ("\u200d" * 50, "file"),
        ("..", "file"),
        ("a/..\\..", "file"),
        ("CON.png", "_CON.png"),
        ("nul", "_nul"),
        ("lpt1.tar", "_lpt1.tar"),
        ("console.png", "console.png"),
    ],
)
def test_what_deceives_is_taken_out(name, cleaned):
    assert clean_name(name) == cleaned


@pytest.mark.parametrize("sign", [sign for sign in SIGNS if sign not in {PERSIAN, HINDI}])
def test_a_long_name_is_cut_between_signs_and_fits_a_disk(sign):
    name = clean_name(sign * 100 + ".png")
    assert len(name) <= MAX_NAME_LENGTH
    assert len(name.encode()) <= MAX_NAME_BYTES
    stem = name.removesuffix(".png")
    composed_sign = clean_name(sign)
    assert stem == composed_sign * (len(stem) // len(composed_sign))
    assert stem


def test_an_extension_that_is_none_is_cut_like_the_rest():
    assert clean_name("x.png" + "y" * 300) == "x.png" + "y" * 115
