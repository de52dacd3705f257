"""Keys, paste and drop in the form, and what is said while typing."""

import pytest
from playwright.sync_api import Locator, Page, expect

from evolink_studio.generations.models import Generation
from evolink_studio.library.models import Asset
from tests.browser.steps import (
    add_shot,
    choose_option,
    fill_field,
    fill_prompt,
    fill_shot,
    open_model,
    selected_card,
    upload_image,
    wait_until_idle,
)
from tests.sample_images import make_image

VEO, KLING, SEEDANCE, GROK = (
    "veo3.1-pro",
    "kling-o3-image-to-video",
    "doubao-seedance-1.0-pro-fast",
    "grok-imagine-text-to-video",
)


@pytest.fixture
def shots_page(ada_page: Page, idle_studio, tmp_path) -> Page:
    """A form with two shots, a picture and an open field for an address, ready to be sent."""
    open_model(ada_page, idle_studio, KLING)
    upload_image(ada_page, tmp_path, "image_start")
    choose_option(ada_page, "multi_shot", "true")
    fill_shot(ada_page, 0, "Shot 0", 2)
    add_shot(ada_page, 1)
    fill_shot(ada_page, 1, "Shot 1", 3)
    ada_page.locator("[data-media=image_end] .url-import summary").click()
    return ada_page


@pytest.mark.parametrize(
    ("selector", "keys"),
    [
        ("[name=_do][value='shots:down:0']", "Control+Enter"),
        ("[name=_do][value='shots:up:1']", "Control+Enter"),
        ("[name=_do][value='shots:remove:1']", "Control+Enter"),
        ("[name=_do][value='shots:add']", "Meta+Enter"),
        ("[data-media=image_start] [data-remove]", "Control+Enter"),
        ("[data-media=image_end] input[type=url]", "Meta+Enter"),
        ("[data-media=image_end] .url-import summary", "Control+Enter"),
        ("[name=quality]:checked", "Control+Enter"),
        ("#model-button", "Control+Enter"),
    ],
)
def test_ctrl_enter_is_generate_wherever_the_focus_is(shots_page, selector, keys):
    shots_page.locator(selector).press(keys)
    expect(selected_card(shots_page)).to_be_visible()
    shots = Generation.objects.get().params["shots"]
    assert [shot["prompt"] for shot in shots] == ["Shot 0", "Shot 1"]
    expect(shots_page.locator("[name$=-prompt]")).to_have_count(2)
    expect(shots_page.locator("[data-media=image_start] [data-media-item]")).to_have_count(1)


def press_key(field: Locator, **options: object) -> None:
    """A key as a browser reports it, with what Playwright's own keys cannot have."""
    field.evaluate(
        """(field, options) => field.dispatchEvent(new KeyboardEvent("keydown",
            {key: "Enter", bubbles: true, cancelable: true, ...options}))""",
        options,
    )


@pytest.mark.parametrize("composing", [{"isComposing": True}, {"keyCode": 229}, {"repeat": True}])
def test_enter_belongs_to_the_input_method_and_counts_once(shots_page, composing):
    for field in ("textarea[name=prompt]", "[name=shots-0-prompt]", "[name=shots-0-duration]"):
        press_key(shots_page.locator(field), ctrlKey=True, **composing)
        press_key(shots_page.locator(field), metaKey=True, **composing)
    address = shots_page.locator("[data-media=image_end] input[type=url]")
    address.evaluate("field => { field.value = 'https://pictures.test/cat.png'; }")
    press_key(address, ctrlKey=True, **composing)
    press_key(address, **composing)
    expect(address).to_have_value("https://pictures.test/cat.png")
    expect(shots_page.locator("[data-uploading], #generate.htmx-request")).to_have_count(0)
    assert Generation.objects.count() == 0


def test_ctrl_enter_does_nothing_under_a_dialog_or_outside_the_form(shots_page):
    shots_page.click("[data-media=image_end] .dropzone-more > button")
    expect(shots_page.locator("#asset-picker")).to_be_visible()
    shots_page.keyboard.press("Control+Enter")
    shots_page.keyboard.press("Escape")
    shots_page.locator("[popovertarget=model-picker]").first.click()
    shots_page.keyboard.press("Control+Enter")
    shots_page.keyboard.press("Escape")
    press_key(shots_page.locator(".site-nav a").first, ctrlKey=True)
    expect(shots_page.locator("#generate.htmx-request")).to_have_count(0)
    assert Generation.objects.count() == 0


def insert_files(
    target: Locator, event: str, files: dict[str, bytes], texts: dict[str, str] | None = None
) -> bool:
    """Paste or drop; whether the page took it, so that the browser does nothing more."""
    return target.evaluate(
        """(target, [type, files, texts]) => {
            const data = new DataTransfer();
            for (const [name, bytes] of Object.entries(files))
                data.items.add(new File([new Uint8Array(bytes)], name));
            for (const [format, text] of Object.entries(texts)) data.setData(format, text);
            const options = {bubbles: true, cancelable: true};
            const event = type === "paste"
                ? new ClipboardEvent("paste", {clipboardData: data, ...options})
                : new DragEvent(type, {dataTransfer: data, ...options});
            return !target.dispatchEvent(event);
        }""",
        [event, {name: list(content) for name, content in files.items()}, texts or {}],
    )


PICTURE = {"cat.png": make_image(width=640, height=360)}


@pytest.mark.parametrize("selector", ["textarea[name=prompt]", "#field-image_urls-url"])
def test_text_from_word_is_pasted_as_text(ada_page, idle_studio, selector):
    open_model(ada_page, idle_studio, VEO)
    texts = {"text/plain": "A cat, from Word", "text/html": "<b>A cat</b>"}
    assert not insert_files(ada_page.locator(selector), "paste", PICTURE, texts)
    expect(ada_page.locator("[data-uploading], [data-media-item]")).to_have_count(0)


@pytest.mark.parametrize(
    ("selector", "texts"),
    [
        ("textarea[name=prompt]", {}),
        ("textarea[name=prompt]", {"text/html": "<img src=x>"}),
        ("textarea[name=prompt]", {"text/plain": "file:///home/ada/cat.png"}),
        ("[data-action=generate]", {"text/plain": "A cat, from Word"}),
        ("body", {}),
    ],
)
def test_a_picture_alone_is_taken_wherever_the_focus_is(ada_page, idle_studio, selector, texts):
    open_model(ada_page, idle_studio, VEO)
    assert insert_files(ada_page.locator(selector), "paste", PICTURE, texts)
    expect(ada_page.locator("[data-media-item]")).to_contain_text("cat.png")


@pytest.mark.parametrize("event", ["paste", "drop"])
def test_a_model_without_pictures_says_so(ada_page, idle_studio, event):
    open_model(ada_page, idle_studio, GROK)
    prompt = ada_page.locator("textarea[name=prompt]")
    if event == "drop":
        assert insert_files(prompt, "dragover", PICTURE)
    assert insert_files(prompt, event, PICTURE)
    expect(ada_page.locator("#page-alert")).to_contain_text("This model takes no pictures")


def test_a_full_model_says_so_and_takes_nothing(ada_page, idle_studio, tmp_path):
    open_model(ada_page, idle_studio, SEEDANCE)
    upload_image(ada_page, tmp_path, "image_urls")
    wait_until_idle(ada_page)
    insert_files(ada_page.locator("body"), "drop", PICTURE)
    expect(ada_page.locator("#page-alert")).to_contain_text("no room for another file")
    insert_files(ada_page.locator("[data-media=image_urls]"), "drop", PICTURE)
    error = ada_page.locator("[data-error-for=image_urls]")
    expect(error).to_contain_text("no room for another file")
    assert Asset.objects.count() == 1


def test_a_file_that_is_no_picture_is_named(ada_page, idle_studio):
    open_model(ada_page, idle_studio, VEO)
    insert_files(ada_page.locator("body"), "drop", {"notes.pdf": b"%PDF-1.7"})
    expect(ada_page.locator("[data-error-for=image_urls]")).to_contain_text("not a picture")


def test_dropped_text_is_left_to_the_field_and_an_address_opens_nothing(ada_page, idle_studio):
    open_model(ada_page, idle_studio, GROK)
    prompt, button = ada_page.locator("textarea[name=prompt]"), ada_page.locator("#model-button")
    address = {"text/uri-list": "https://elsewhere.test/", "text/plain": "https://elsewhere.test/"}
    for event in ("dragover", "drop"):
        assert not insert_files(prompt, event, {}, {"text/plain": "A cat"})
        assert not insert_files(prompt, event, {}, address)
        assert insert_files(button, event, {}, address)


def test_a_dropped_address_is_imported(ada_page, idle_studio):
    open_model(ada_page, idle_studio, VEO)
    with ada_page.expect_request("**/from-address") as request:
        insert_files(
            ada_page.locator("[data-media=image_urls]"),
            "drop",
            {},
            {"text/uri-list": "# a comment\r\nhttps://127.0.0.1/cat.png"},
        )
    assert "https://127.0.0.1/cat.png" in request.value.post_data
    expect(ada_page.locator("[data-error-for=image_urls]")).not_to_be_empty()


def test_a_prompt_over_its_limit_says_so_while_it_is_typed(ada_page, idle_studio):
    open_model(ada_page, idle_studio, VEO)
    counter = ada_page.locator("[data-count-for=field-prompt]")
    fill_prompt(ada_page, "  \u3000\n" + "🎬" * 2000 + "\n\u00a0 ")
    expect(counter).to_have_text("2000 / 2000")
    fill_prompt(ada_page, "🎬" * 1990 + "\n" * 400 + "over the limit")
    expect(counter).to_have_text("2404 / 2000 · 404 too many")
    expect(ada_page.locator("#announcer")).to_have_text("404 too many")
    ada_page.locator("textarea[name=prompt]").press("ControlOrMeta+End")
    expect(counter).to_be_in_viewport()
    choose_option(ada_page, "aspect_ratio", "9:16")
    expect(counter).to_have_text("2404 / 2000 · 404 too many")


def test_the_prompt_of_a_shot_has_its_counter(shots_page):
    counter = shots_page.locator("[data-count-for=field-shots-0-prompt]")
    expect(counter).to_contain_text("6 / ")
    limit = int(counter.get_attribute("data-limit"))
    fill_field(shots_page, "shots-0-prompt", "x" * (limit + 3))
    expect(counter).to_have_text(f"{limit + 3} / {limit} · 3 too many")
