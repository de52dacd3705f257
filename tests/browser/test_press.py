"""The press of Generate: what it waits for, from where it comes, at which price it goes out."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from evolink_studio.generations.models import Generation
from evolink_studio.library.models import Asset
from tests.browser.steps import (
    choose_option,
    collect_requests,
    fill_prompt,
    hold_requests,
    open_model,
    press_generate,
    release_requests,
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
UPLOAD = "**/library/upload"
PRESSES = {
    "click": lambda page: page.click("[data-action=generate]"),
    "keys": lambda page: page.locator("textarea[name=prompt]").press("Control+Enter"),
    "script": lambda page: page.evaluate("document.querySelector('#generate').requestSubmit()"),
}


def write_images(folder: Path, *names: str) -> list[Path]:
    """Pictures with these names, each of its own width."""
    paths = [folder / name for name in names]
    for number, path in enumerate(paths):
        path.write_bytes(make_image(width=640 + number, height=360))
    return paths


def choose_files(page: Page, paths: list[Path], name: str = "image_urls") -> None:
    page.set_input_files(f"input[type=file][name={name}]", paths)


def press_status(page: Page):
    return page.locator("#press-status")


def sent_names(param: str = "image_urls") -> list[str]:
    """The file names of the pictures of the only generation."""
    value = Generation.objects.get().params[param]
    refs = value if isinstance(value, list) else [value]
    names = {asset.ref: asset.name for asset in Asset.objects.all()}
    return [names[ref["ref"] if isinstance(ref, dict) else ref] for ref in refs]


@pytest.fixture
def veo_page(ada_page: Page, idle_studio) -> Page:
    open_model(ada_page, idle_studio, VEO)
    fill_prompt(ada_page, "A cat")
    wait_until_idle(ada_page)
    return ada_page


@pytest.mark.parametrize("way", PRESSES)
def test_a_press_waits_for_the_picture_and_goes_out_with_it(veo_page, tmp_path, way):
    with hold_requests(veo_page, UPLOAD):
        choose_files(veo_page, write_images(tmp_path, "cat.png"))
        PRESSES[way](veo_page)
        expect(press_status(veo_page)).to_contain_text("Sending when the picture is in")
        PRESSES[way](veo_page)  # an impatient second press is the same one
        expect(veo_page.locator("#generate.htmx-request")).to_have_count(0)
        assert Generation.objects.count() == 0
    expect(selected_card(veo_page)).to_be_visible()
    expect(press_status(veo_page)).to_be_hidden()
    assert sent_names() == ["cat.png"]


def test_a_press_waits_for_each_of_several_pictures(veo_page, tmp_path):
    routes = collect_requests(veo_page, UPLOAD)
    choose_files(veo_page, write_images(tmp_path, "first.png", "last.png"))
    veo_page.click("[data-action=generate]")
    release_requests(veo_page, routes, [1])
    expect(press_status(veo_page)).to_contain_text("Sending when all pictures are in")
    assert Generation.objects.count() == 0
    release_requests(veo_page, routes, [0])
    expect(selected_card(veo_page)).to_be_visible()
    assert sent_names() == ["first.png", "last.png"]


def test_a_waiting_press_can_be_taken_back(veo_page, tmp_path):
    with hold_requests(veo_page, UPLOAD):
        choose_files(veo_page, write_images(tmp_path, "cat.png"))
        veo_page.click("[data-action=generate]")
        veo_page.click("[data-take-back]")
        expect(press_status(veo_page)).to_contain_text("nothing was sent")
        expect(veo_page.locator("[data-action=generate]")).to_be_focused()
    expect(veo_page.locator("[data-media-item]")).to_have_count(1)
    wait_until_idle(veo_page)
    assert Generation.objects.count() == 0


def test_what_is_typed_while_a_press_waits_takes_it_back(veo_page, tmp_path):
    with hold_requests(veo_page, UPLOAD):
        choose_files(veo_page, write_images(tmp_path, "cat.png"))
        veo_page.click("[data-action=generate]")
        fill_prompt(veo_page, "A dog, not yet thought to its end")
        expect(press_status(veo_page)).to_contain_text("You changed the form")
    expect(veo_page.locator("[data-media-item]")).to_have_count(1)
    wait_until_idle(veo_page)
    assert Generation.objects.count() == 0


def test_a_failed_upload_stops_the_press_with_its_sentence(veo_page, tmp_path):
    words = tmp_path / "words.png"
    words.write_text("just words")
    routes = collect_requests(veo_page, UPLOAD)
    choose_files(veo_page, [words, *write_images(tmp_path, "cat.png")])
    veo_page.click("[data-action=generate]")
    release_requests(veo_page, routes, [0, 1])
    expect(press_status(veo_page)).to_contain_text("a file could not be added")
    expect(veo_page.locator("[data-media-item]")).to_have_count(1)
    wait_until_idle(veo_page)
    expect(veo_page.locator("[data-error-for=image_urls]")).to_contain_text("words.png")
    assert Generation.objects.count() == 0
    press_generate(veo_page)
    assert sent_names() == ["cat.png"]


def test_an_upload_that_is_cancelled_takes_the_press_back(veo_page, tmp_path):
    with hold_requests(veo_page, UPLOAD):
        choose_files(veo_page, write_images(tmp_path, "cat.png"))
        veo_page.click("[data-action=generate]")
        veo_page.click("[data-cancel-upload]")
        expect(press_status(veo_page)).to_contain_text("nothing was sent")
        expect(veo_page.locator("[data-uploading]")).to_have_count(0)
    wait_until_idle(veo_page)
    expect(veo_page.locator("[data-error-for=image_urls]")).to_be_empty()
    assert Generation.objects.count() == 0


def test_a_press_waits_for_a_picture_that_is_being_changed(ada_page, idle_studio, tmp_path):
    open_model(ada_page, idle_studio, "sora-2-preview")
    choose_option(ada_page, "aspect_ratio", "1280x720")
    upload_image(ada_page, tmp_path, "image_urls", width=1600, height=1200)
    fill_prompt(ada_page, "A cat")
    with hold_requests(ada_page, "**/library/*/edit"):
        ada_page.click("[data-fit='1280x720']")
        ada_page.click("[data-action=generate]")
        expect(press_status(ada_page)).to_contain_text("Sending when the picture is in")
    # Until it fits there is no price, so that nobody has agreed to one.
    expect(press_status(ada_page)).to_contain_text("shows another price now, so nothing was sent")
    assert Generation.objects.count() == 0
    press_generate(ada_page)
    expect(selected_card(ada_page)).to_be_visible()
    assert [asset.width for asset in Generation.objects.get().inputs.all()] == [1280]


def test_a_press_stops_at_a_picture_that_does_not_fit(ada_page, idle_studio, tmp_path):
    open_model(ada_page, idle_studio, "sora-2-preview")
    fill_prompt(ada_page, "A cat")
    with hold_requests(ada_page, UPLOAD):
        choose_files(ada_page, write_images(tmp_path, "cat.png"))
        ada_page.click("[data-action=generate]")
        expect(press_status(ada_page)).to_contain_text("Sending when the picture is in")
    expect(ada_page.locator("[data-error-for=image_urls]")).to_contain_text("must have exactly")
    expect(press_status(ada_page).locator(".press-text")).to_have_text("Nothing was sent.")
    assert Generation.objects.count() == 0


def test_a_press_stops_at_a_notice_that_was_not_there_when_it_was_given(
    ada_page, idle_studio, tmp_path
):
    open_model(ada_page, idle_studio, KLING)
    fill_prompt(ada_page, "A cat")
    picture = tmp_path / "long.png"
    picture.write_bytes(make_image(width=1200, height=310))
    with hold_requests(ada_page, UPLOAD):
        choose_files(ada_page, [picture])
        ada_page.click("[data-action=generate]")
        expect(press_status(ada_page)).to_contain_text("Sending when the picture is in")
    expect(ada_page.locator(".notice-summary")).to_contain_text("Reference pictures")
    expect(press_status(ada_page).locator(".press-text")).to_have_text("Nothing was sent.")
    assert Generation.objects.count() == 0
    press_generate(ada_page)
    assert sent_names() == ["long.png"]


@pytest.mark.parametrize("way", ["click", "keys"])
def test_a_prompt_that_names_what_is_not_there_is_looked_at_before_it_is_sent(
    ada_page, idle_studio, way
):
    """Typed and pressed at once: the notice has not been on the page yet."""
    open_model(ada_page, idle_studio, GROK)
    fill_prompt(ada_page, "A cat like <<<image_3>>>")
    if way == "click":
        ada_page.click("[data-action=generate]")
    else:
        ada_page.press("[name=prompt]", "Control+Enter")
    expect(ada_page.locator("[data-notice-for=prompt]")).to_contain_text("<<<image_3>>>")
    expect(press_status(ada_page).locator(".press-text")).to_have_text("Nothing was sent.")
    assert Generation.objects.count() == 0
    press_generate(ada_page)
    assert Generation.objects.count() == 1


def test_an_address_without_a_place_stops_the_press(ada_page, idle_studio, tmp_path):
    """A file is on its way to the only place: the page shows both, and only one could be sent."""
    open_model(ada_page, idle_studio, SEEDANCE)
    fill_prompt(ada_page, "A cat")
    with hold_requests(ada_page, UPLOAD):
        ada_page.click(".url-import summary")
        ada_page.fill("input[type=url][name=image_urls]", "https://example.com/dog.png")
        choose_files(ada_page, write_images(tmp_path, "cat.png"))
        ada_page.click("[data-action=generate]")
        expect(press_status(ada_page)).to_contain_text("Nothing was sent")
        expect(ada_page.locator("[data-error-for=image_urls]")).to_contain_text("no room")
    expect(ada_page.locator("[data-media-item]")).to_have_count(1)
    wait_until_idle(ada_page)
    assert Generation.objects.count() == 0
    press_generate(ada_page)
    assert sent_names() == ["cat.png"]


def test_a_press_waits_for_a_command_that_is_under_way(ada_page, idle_studio, tmp_path):
    open_model(ada_page, idle_studio, KLING)
    fill_prompt(ada_page, "A cat")
    first, last = write_images(tmp_path, "first.png", "last.png")
    for name, path in [("image_start", first), ("image_end", last)]:
        with ada_page.expect_response("**/refresh/"):
            choose_files(ada_page, [path], name)
    with hold_requests(ada_page, "**/refresh/"):
        ada_page.click("#field-image_end-swap")
        ada_page.click("[data-action=generate]")
        expect(press_status(ada_page)).to_be_visible()
        assert Generation.objects.count() == 0
    expect(selected_card(ada_page)).to_be_visible()
    assert (sent_names("image_start"), sent_names("image_end")) == (["last.png"], ["first.png"])


def test_a_press_is_not_sent_at_a_price_that_the_button_did_not_show(ada_page, idle_studio):
    open_model(ada_page, idle_studio, SEEDANCE)
    fill_prompt(ada_page, "A cat")
    button = ada_page.locator("[data-action=generate]")
    price = button.get_attribute("data-price")
    ada_page.focus("[name=duration]")
    ada_page.keyboard.press("ControlOrMeta+a")
    ada_page.keyboard.type("10")
    ada_page.keyboard.press("Control+Enter")
    expect(press_status(ada_page)).to_contain_text("another price")
    expect(button).not_to_have_attribute("data-price", price)
    assert Generation.objects.count() == 0
    wait_until_idle(ada_page)
    ada_page.keyboard.press("Control+Enter")
    expect(selected_card(ada_page)).to_be_visible()
    assert Generation.objects.get().params["duration"] == 10


def test_an_address_that_was_typed_is_a_picture_before_it_is_sent(veo_page):
    veo_page.route(
        "**/from-address",
        lambda route: route.fulfill(status=422, json={"error": "This cannot be opened."}),
    )
    veo_page.locator("[data-media=image_urls] .url-import summary").click()
    veo_page.fill("[data-media=image_urls] input[type=url]", "https://pictures.test/cat.png")
    veo_page.locator("[data-media=image_urls] input[type=url]").press("Control+Enter")
    expect(press_status(veo_page)).to_contain_text("a file could not be added")
    expect(veo_page.locator("[data-error-for=image_urls]")).to_contain_text("cannot be opened")
    assert Generation.objects.count() == 0


def test_an_address_is_left_alone_until_it_is_added(veo_page):
    veo_page.locator("[data-media=image_urls] .url-import summary").click()
    address = veo_page.locator("[data-media=image_urls] input[type=url]")
    address.fill("https://127.0.0.1/half-an-addr")
    veo_page.focus("textarea[name=prompt]")
    choose_option(veo_page, "aspect_ratio", "9:16")
    expect(address).to_have_value("https://127.0.0.1/half-an-addr")
    expect(veo_page.locator("[data-error-for=image_urls]")).to_be_empty()


def test_leaving_the_page_during_an_upload_is_asked_about(veo_page, tmp_path):
    ask = """() => !window.dispatchEvent(new Event("beforeunload", {cancelable: true}))"""
    assert not veo_page.evaluate(ask)
    with hold_requests(veo_page, UPLOAD):
        choose_files(veo_page, write_images(tmp_path, "cat.png"))
        assert veo_page.evaluate(ask)
    expect(veo_page.locator("[data-media-item]")).to_have_count(1)
    assert not veo_page.evaluate(ask)


def test_an_upload_follows_to_another_model(veo_page, tmp_path):
    with hold_requests(veo_page, UPLOAD):
        choose_files(veo_page, write_images(tmp_path, "cat.png"))
        veo_page.click("[data-action=generate]")
        veo_page.locator("[popovertarget=model-picker]").first.click()
        veo_page.locator(f"#model-picker a[href='/create/{KLING}/']").click()
        expect(veo_page.locator("[data-media=image_start] [data-uploading]")).to_be_visible()
        expect(press_status(veo_page)).to_contain_text("nothing was sent")
    expect(veo_page.locator("[data-media=image_start] [data-media-item]")).to_have_count(1)
    assert Generation.objects.count() == 0


def test_an_upload_without_a_place_is_named_and_kept_in_the_library(veo_page, tmp_path):
    with hold_requests(veo_page, UPLOAD):
        choose_files(veo_page, write_images(tmp_path, "cat.png"))
        veo_page.locator("[popovertarget=model-picker]").first.click()
        veo_page.locator(f"#model-picker a[href='/create/{GROK}/']").click()
        expect(veo_page.locator(f"form[data-model='{GROK}']")).to_be_visible()
    expect(veo_page.locator("#page-alert")).to_contain_text("cat.png is in your library")


def test_files_keep_the_order_in_which_they_were_given(ada_page, idle_studio, tmp_path):
    open_model(ada_page, idle_studio, KLING)
    control = ada_page.locator("[data-media=image_urls]")
    ada_page.route(
        "**/from-address",
        lambda route: route.fulfill(status=422, json={"error": "This cannot be opened."}),
    )
    words = tmp_path / "words.png"
    words.write_text("just words")
    paths = write_images(tmp_path, "1.png", "2.png", "3.png")
    routes = collect_requests(ada_page, UPLOAD)
    choose_files(ada_page, [paths[0], words, paths[1]])
    control.locator(".url-import summary").click()
    control.locator("input[type=url]").fill("https://pictures.test/cat.png")
    control.locator("[data-fetch]").click()
    error = ada_page.locator("[data-error-for=image_urls]")
    expect(error).to_contain_text("cannot be opened")
    choose_files(ada_page, paths[2:])
    release_requests(ada_page, routes, [3, 2, 1])
    expect(error).to_contain_text("words.png")
    expect(control.locator("[data-uploading]")).to_have_count(3)
    release_requests(ada_page, routes, [0])
    expect(control.locator("[data-media-item]")).to_have_count(3)
    wait_until_idle(ada_page)
    names = control.locator(".media-item-name > span:last-child").all_inner_texts()
    assert names == ["1.png", "2.png", "3.png"]


def test_only_as_many_files_are_taken_as_there_is_room_for(ada_page, idle_studio, tmp_path):
    open_model(ada_page, idle_studio, KLING)
    slot = ada_page.locator("[data-media=image_start]")
    with ada_page.expect_response("**/refresh/"):
        slot.evaluate(
            """async (slot, contents) => {
                const data = new DataTransfer();
                contents.forEach((bytes, number) =>
                    data.items.add(new File([new Uint8Array(bytes)], `${number + 1}.png`)));
                slot.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true}));
            }""",
            [list(make_image(width=640, height=360)) for _ in range(2)],
        )
    expect(slot.locator("[data-media-item]")).to_contain_text("1.png")
    error = ada_page.locator("[data-error-for=image_start]")
    expect(error).to_contain_text("Not added")
    expect(error).to_contain_text("2.png")
    assert Asset.objects.count() == 1


def test_without_scripts_a_press_sends_the_chosen_file(browser, idle_studio, ada_page, tmp_path):
    context = browser.new_context(
        java_script_enabled=False, storage_state=ada_page.context.storage_state()
    )
    page = context.new_page()
    open_model(page, idle_studio, VEO)
    page.fill("textarea[name=prompt]", "A cat")
    choose_files(page, write_images(tmp_path, "1.png", "2.png"))
    page.click("[data-action=generate]")
    expect(page.locator("[data-generation]")).to_be_visible()
    context.close()
    assert sent_names() == ["1.png", "2.png"]
