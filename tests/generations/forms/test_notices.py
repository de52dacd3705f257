"""Said at the field before paying: what lost its ground, what is not sent, what names nothing."""

import pytest

from evolink_studio.catalog import SPECS
from evolink_studio.generations.forms import parsing
from evolink_studio.generations.models import Draft, Generation
from evolink_studio.library.models import Asset
from tests.factories import NOW, VEO, AssetFactory
from tests.form_pages import ParsedPage, element_text
from tests.generations.form_client import make_numbered_image, open_create_page, post_form

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"
SEEDANCE = "doubao-seedance-1.0-pro-fast"
SORA = "sora-2-preview"
URL = "https://pictures.example/later.png"


def refresh_form(client, model_id, fields, **files) -> ParsedPage:
    return ParsedPage(post_form(client, model_id, fields, action="refresh", is_htmx=True, **files))


def button_text(page) -> str:
    return element_text(page.find_one("button[@data-action='generate']"))


def notices(page) -> dict[str, str]:
    return {e.get("data-notice-for"): element_text(e) for e in page.find_all("*[@data-notice-for]")}


def noticed_labels(page) -> list[str]:
    """The fields that the words beside the button name."""
    return [
        element_text(link)
        for summary in page.find_all("p[@class='notice-summary']")
        for link in summary.findall(".//a")
    ]


LOST_GROUND = {
    "keep_ratio without a picture": (SEEDANCE, {"aspect_ratio": "keep_ratio"}, "aspect_ratio"),
    "adaptive without a picture": (SEEDANCE, {"aspect_ratio": "adaptive"}, "aspect_ratio"),
    "frames without a picture": (VEO, {"generation_type": "FIRST&LAST"}, "generation_type"),
    "a ratio that is not offered": (VEO, {"aspect_ratio": "1:1"}, "aspect_ratio"),
    "a quality that is not offered": (SEEDANCE, {"quality": "4k"}, "quality"),
    "a switch that is none": (VEO, {"enhance_prompt": "perhaps"}, "enhance_prompt"),
    "a prompt beyond its limit": (VEO, {"prompt": "x" * 2001}, "prompt"),
    "seconds beyond their bounds": (SEEDANCE, {"duration": "99"}, "duration"),
}


@pytest.mark.parametrize(("model_id", "fields", "name"), LOST_GROUND.values(), ids=LOST_GROUND)
def test_what_cannot_be_sent_is_said_at_once_and_has_no_price(ada_client, model_id, fields, name):
    page = refresh_form(ada_client, model_id, fields)
    assert page.error_texts().keys() == {name}
    assert button_text(page) == "Generate"
    assert "No price yet" in element_text(page.find_one("*[@id='quote-note']"))
    reopened_page = open_create_page(ada_client, model_id)
    assert reopened_page.error_texts() == page.error_texts()
    assert button_text(reopened_page) == "Generate"
    pressed_page = ParsedPage(post_form(ada_client, model_id, fields))
    assert pressed_page.error_texts() == page.error_texts()
    assert button_text(pressed_page) == "Generate"
    assert not Generation.objects.exists()


def test_pictures_that_a_mode_would_hide_are_said_at_the_mode(ada_client, ada):
    fields = {"generation_type": "TEXT", "image_urls": AssetFactory(owner=ada).ref}
    page = refresh_form(ada_client, VEO, fields)
    assert "would be ignored" in page.error_text("generation_type")
    assert button_text(page) == "Generate"


def test_what_is_still_missing_is_not_wrong_and_the_price_stands(ada_client):
    page = refresh_form(ada_client, KLING, {"prompt": ""})
    assert page.error_texts() == {}
    assert "27 credits" in button_text(page)
    pressed_page = ParsedPage(post_form(ada_client, KLING, {"prompt": ""}))
    assert pressed_page.error_texts().keys() == {"prompt", "image_start"}
    assert "27 credits" in button_text(pressed_page)


def test_too_many_elements_are_said_where_they_are(ada_client, ada):
    elements = "\n".join("abcdefgh")
    page = refresh_form(ada_client, KLING, {"element_ids": elements})
    assert page.error_texts().keys() == {"element_ids"}


SHOT = {"shots-0-prompt": "A door", "shots-0-duration": "5"}


@pytest.mark.parametrize(
    ("fields", "labels"),
    [
        ({**SHOT, "multi_shot": "false"}, ["Shots"]),
        ({**SHOT, "multi_shot": "true"}, ["Prompt"]),
        ({**SHOT, "multi_shot": "true", "prompt": "\u200b"}, []),
        ({"multi_shot": "false"}, []),
        ({"prompt": "<<<image_2>>>"}, ["Prompt"]),
        ({"prompt": "", **SHOT, "shots-0-prompt": "<<<image_2>>>", "multi_shot": "on"}, ["Shots"]),
        ({"prompt": "<<<element_1>>>", "element_ids": "e1"}, []),
    ],
)
def test_what_is_worth_a_look_is_named_at_its_field_and_at_the_button(
    ada_client, ada, fields, labels
):
    fields = {"image_start": AssetFactory(owner=ada).ref, **fields}
    page = refresh_form(ada_client, KLING, fields)
    assert noticed_labels(page) == labels
    assert bool(notices(page)) == bool(labels)
    assert "27 credits" in button_text(page)
    assert post_form(ada_client, KLING, fields).status_code == 302  # and yet it may be sent


def test_a_notice_of_a_shot_stands_at_that_shot(ada_client, ada):
    fields = {"image_start": AssetFactory(owner=ada).ref, "multi_shot": "true", "prompt": ""}
    fields |= {"shots-0-prompt": "one", "shots-0-duration": "2"}
    fields |= {"shots-1-prompt": "<<<image_7>>>", "shots-1-duration": "3"}
    page = refresh_form(ada_client, KLING, fields)
    assert notices(page).keys() == {"shots", "shots-1-prompt"}
    control = page.find_one("*[@id='field-shots-1-prompt']")
    assert "field-shots-1-prompt-notice" in control.get("aria-describedby")


def test_a_reference_picture_that_may_be_refused_says_so_and_can_be_converted(ada_client, ada):
    small_asset = AssetFactory(owner=ada, width=200, height=400, format="webp")
    fields = {"image_urls": small_asset.ref}
    page = refresh_form(ada_client, KLING, fields)
    assert page.error_texts() == {}
    assert "WEBP may be refused" in notices(page)["image_urls"]
    assert "side below 300" in notices(page)["image_urls"]
    check = page.find_one("*[@data-check]")
    assert (check.get("data-check"), element_text(check)) == ("warn", "May be refused")
    assert page.find_all("button[@data-fit='jpeg']")
    assert post_form(ada_client, KLING, fields).status_code == 302


@pytest.fixture
def url_asset(ada, monkeypatch):
    """The picture that lies at URL."""
    asset = AssetFactory(owner=ada, name="later.png", width=1280, height=720)
    monkeypatch.setattr(parsing.library, "add_from_url", lambda **_: asset)
    return asset


@pytest.mark.parametrize(
    ("model_id", "name"),
    [(KLING, "image_start"), (SEEDANCE, "image_urls"), (SORA, "image_urls")],
)
def test_of_a_file_and_an_address_for_one_place_the_address_counts_and_that_is_said(
    ada_client, url_asset, model_id, name
):
    hint = "an address counts before a file"
    assert hint in element_text(
        open_create_page(ada_client, model_id).find_one(f"*[@id='field-{name}']")
    )
    files = {name: [URL, make_numbered_image(1, 1280, 720)]}
    page = refresh_form(ada_client, model_id, {}, **files)
    assert page.error_texts() == {}
    assert page.control_value(name) == [url_asset.ref]
    assert "the last one counts: later.png. Left out: picture-1.png." in notices(page)[name]
    files = {name: [URL, make_numbered_image(1, 1280, 720)]}
    assert post_form(ada_client, model_id, **files).status_code == 302
    stored_value = Generation.objects.get().params[name]
    assert stored_value in (url_asset.ref, [url_asset.ref])


def test_where_two_fit_the_file_comes_before_the_address(ada_client, url_asset):
    files = {"image_urls": [URL, make_numbered_image(1, 1280, 720)]}
    page = refresh_form(ada_client, VEO, {}, **files)
    file_asset = Asset.objects.get(name="picture-1.png")
    assert page.control_value("image_urls") == [file_asset.ref, url_asset.ref]


def test_more_files_than_any_field_takes_are_not_even_looked_at(ada_client, monkeypatch):
    fetched_urls = []
    monkeypatch.setattr(
        parsing.library, "add_from_url", lambda **options: fetched_urls.append(options)
    )
    page = refresh_form(ada_client, VEO, {"image_urls": [f"{URL}?{n}" for n in range(21)]})
    assert "Too many: at most 2 fit here, and this has 21." in page.error_text("image_urls")
    page = refresh_form(ada_client, VEO, {"image_urls": URL + "?" + "x" * 2048})
    assert "did not answer" in page.error_text("image_urls")
    assert fetched_urls == []


def test_a_draft_without_its_picture_says_what_lost_its_ground(ada_client, ada):
    values = {"aspect_ratio": "keep_ratio", "image_urls": ["asset:999"], "prompt": "x"}
    Draft.objects.create(owner=ada, model_id=SEEDANCE, values=values, saved_at=NOW)
    page = open_create_page(ada_client, SEEDANCE)
    assert "follows a picture" in page.error_text("aspect_ratio")
    assert button_text(page) == "Generate"


@pytest.mark.parametrize("model_id", SPECS)
def test_a_prompt_over_its_limit_is_marked_at_its_counter(ada_client, model_id):
    limit = SPECS[model_id].get_field("prompt").max_length
    for blanks in ("", "  \n\u3000\ufeff"):
        fitting_prompt = blanks + "🎬" * limit + blanks
        fitting_page = refresh_form(ada_client, model_id, {"prompt": fitting_prompt})
        long_page = refresh_form(ada_client, model_id, {"prompt": "🎬" * (limit + 1) + blanks})
        for page, length in ((fitting_page, limit), (long_page, limit + 1)):
            counter = page.find_one("*[@data-count-for='field-prompt']")
            assert element_text(counter) == f"{length} / {limit}"
            assert (counter.get("data-over-limit") is not None) == (length > limit)
            assert bool(page.error_text("prompt")) == (length > limit)
