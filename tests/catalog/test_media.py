"""What a field says of a file."""

import pytest

from evolink_studio.catalog import SPECS, MediaFile
from evolink_studio.catalog.media import MediaConstraints
from tests.catalog.media_facts import make_audio_file, make_image_file, make_video_file

IMAGE_CONSTRAINTS = MediaConstraints(
    kind="image",
    formats=("jpeg", "png"),
    max_bytes=10_000_000,
    min_side=300,
    min_ratio=0.4,
    max_ratio=2.5,
)
AUDIO_CONSTRAINTS = MediaConstraints(kind="audio", formats=("mp3",), min_seconds=2, max_seconds=10)


def constraint_errors(constraints, media):
    return [str(message) for message in constraints.find_violations(media)]


@pytest.mark.parametrize(
    "media",
    [
        make_image_file(),
        make_image_file(width=300, height=750),
        make_image_file(width=750, height=300),
        make_image_file(format="JPG"),
        make_image_file(size=10_000_000),
        make_image_file(width=None, height=None),
    ],
)
def test_a_file_at_the_limit_fits(media):
    assert constraint_errors(IMAGE_CONSTRAINTS, media) == []


@pytest.mark.parametrize(
    ("accepts", "media", "sentence"),
    [
        (IMAGE_CONSTRAINTS, make_video_file(), "This needs a picture."),
        (AUDIO_CONSTRAINTS, make_image_file(), "This needs a sound file."),
        (
            IMAGE_CONSTRAINTS,
            make_image_file(format="webp"),
            "WEBP files are not accepted here. Convert it to one of these: JPEG, PNG.",
        ),
        (
            IMAGE_CONSTRAINTS,
            make_image_file(size=10_000_001),
            "This file has 10.1 MB; at most 10 MB are accepted.",
        ),
        (
            IMAGE_CONSTRAINTS,
            make_image_file(width=299, height=600),
            "This is 299 × 600 pixels; each side needs at least 300 pixels.",
        ),
        (
            IMAGE_CONSTRAINTS,
            make_image_file(width=400, height=1200),
            "This is 400 × 1200 pixels, which is too narrow: at most 1 to 2.5 fits.",
        ),
        (
            IMAGE_CONSTRAINTS,
            make_image_file(width=1200, height=400),
            "This is 1200 × 400 pixels, which is too wide: at most 2.5 to 1 fits.",
        ),
        (
            AUDIO_CONSTRAINTS,
            make_audio_file(seconds=1.5),
            "This runs for 1.5 s; at least 2 s are needed.",
        ),
        (
            AUDIO_CONSTRAINTS,
            make_audio_file(seconds=11),
            "This runs for 11 s; at most 10 s are accepted.",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_told_why(accepts, media, sentence):
    assert constraint_errors(accepts, media) == [sentence]


def test_a_file_with_two_faults_hears_of_both():
    assert len(constraint_errors(IMAGE_CONSTRAINTS, make_image_file(width=200, height=900))) == 2


def test_a_format_has_one_name():
    assert MediaFile(ref="a", kind="image", format="JPG", bytes=1).format == "jpeg"


def test_the_empty_slot_says_what_it_takes():
    assert str(IMAGE_CONSTRAINTS.summary) == "JPEG, PNG, HEIC, AVIF, up to 10 MB"
    assert str(AUDIO_CONSTRAINTS.summary) == "MP3"
    assert IMAGE_CONSTRAINTS.mime_types == ("image/jpeg", "image/png")
    assert set(IMAGE_CONSTRAINTS.accept) == {
        *("image/jpeg", "image/png", "image/heic", "image/avif"),
        *(".heic", ".heif", ".avif"),
    }
    assert AUDIO_CONSTRAINTS.accept == ("audio/mpeg",)


def test_a_browser_can_be_told_of_every_format_of_the_catalogue():
    accepted = [
        field.media_constraints
        for spec in SPECS.values()
        for field in spec.fields
        if field.media_constraints
    ]
    assert accepted
    assert all(mime.startswith("image/") for accepts in accepted for mime in accepts.mime_types)


def test_the_place_of_a_wrong_file_is_given():
    veo = SPECS["veo3.1-pro"]
    raw = {"prompt": "x", "image_urls": [make_image_file(), make_image_file(format="gif")]}
    (problem,) = veo.evaluate(raw).errors
    assert (problem.field, problem.index) == ("image_urls", 1)


def test_what_only_resembles_a_file_is_refused():
    veo = SPECS["veo3.1-pro"]
    plain_dict = make_image_file().model_dump()
    (problem,) = veo.evaluate({"prompt": "x", "image_urls": [plain_dict]}).errors
    assert (problem.field, str(problem.message)) == ("image_urls", "This needs a picture.")
