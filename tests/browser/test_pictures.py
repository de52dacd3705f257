"""The pictures page and the crop tool in the browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from evolink_studio.library.models import Asset
from evolink_studio.prompts.cast.services import create_cast_member
from tests.browser.conftest import LiveStudio, open_watched_page, sign_in
from tests.browser.steps import axe_violations, open_model, upload_image
from tests.factories import NOW, AssetFactory
from tests.sample_images import make_image

SORA = "sora-2-preview"


def add_picture(studio: LiveStudio, width: int = 400, height: int = 300, **facts) -> Asset:
    content = make_image(width=width, height=height)
    return AssetFactory(owner=studio.owner, content=content, width=width, height=height, **facts)


def test_many_files_are_added_at_once_and_the_refused_one_says_why(
    ada_page: Page, idle_studio: LiveStudio, tmp_path: Path
) -> None:
    paths = []
    for number in range(5):
        path = tmp_path / f"picture {number}.png"
        path.write_bytes(make_image(width=64 + number))
        paths.append(path)
    (tmp_path / "notes.txt").write_text("no picture")
    ada_page.goto(idle_studio.build_url("/pictures/"))
    expect(ada_page.get_by_text("Add the pictures that your films begin with")).to_be_visible()
    ada_page.set_input_files("[data-upload-box] input[type=file]", [*paths, tmp_path / "notes.txt"])
    expect(ada_page.locator(".picture")).to_have_count(5)
    failed = ada_page.locator("[data-failed]")
    expect(failed).to_contain_text("notes.txt")
    expect(failed.get_by_role("alert")).to_contain_text("Nothing was sent or charged")
    expect(ada_page.get_by_text("Add the pictures that your films begin with")).to_have_count(0)
    assert axe_violations(ada_page) == []
    failed.get_by_role("button").click()
    expect(ada_page.locator(".upload")).to_have_count(0)
    assert idle_studio.owner.assets.count() == 5


def test_a_range_is_selected_with_shift_and_deleted_without_leaving_the_page(
    ada_page: Page, idle_studio: LiveStudio
) -> None:
    for _ in range(6):
        AssetFactory(owner=idle_studio.owner)
    ada_page.goto(idle_studio.build_url("/pictures/"))
    boxes = ada_page.locator("[name=asset]")
    bar = ada_page.locator("[data-selection-bar]")
    expect(bar).to_be_hidden()
    boxes.nth(1).check()
    boxes.nth(4).click(modifiers=["Shift"])
    expect(bar).to_contain_text("4 selected")
    ada_page.on("dialog", lambda dialog: dialog.accept())
    bar.get_by_role("button", name="Delete").click()
    expect(ada_page.locator(".picture")).to_have_count(2)
    expect(ada_page.locator("#pictures-status")).to_contain_text("4 files deleted.")
    expect(bar).to_be_hidden()


def test_a_search_changes_the_list_and_the_address_alone(
    ada_page: Page, idle_studio: LiveStudio
) -> None:
    for name in ("anna.png", "boat.png"):
        AssetFactory(owner=idle_studio.owner, name=name)
    ada_page.goto(idle_studio.build_url("/pictures/"))
    ada_page.get_by_role("searchbox").fill("ANN")
    expect(ada_page.locator(".picture")).to_have_count(1)
    expect(ada_page).to_have_url(idle_studio.build_url("/pictures/?q=ANN&kind=&origin="))
    ada_page.get_by_role("radio", name="Films").check()
    expect(ada_page.locator(".picture")).to_have_count(0)
    ada_page.locator("#pictures-list").get_by_role("link", name="Show all").first.click()
    expect(ada_page.locator(".picture")).to_have_count(2)


def test_a_picture_is_padded_turned_and_moved_with_the_keyboard_alone(
    ada_page: Page, idle_studio: LiveStudio
) -> None:
    picture = add_picture(idle_studio)
    ada_page.goto(idle_studio.build_url(f"/pictures/{picture.pk}/crop/"))
    result = ada_page.locator("[data-crop-result]")
    expect(result).to_contain_text("400 × 300")
    ada_page.get_by_role("radio", name="1:1").press("Space")
    expect(result).to_contain_text("300 × 300")
    ada_page.get_by_role("radio", name="Show all, with a border").press("Space")
    expect(result).to_contain_text("400 × 400")
    ada_page.get_by_role("button", name="Right").press("Enter")
    expect(ada_page.locator("[name=turn]")).to_have_value("90")
    frame = ada_page.get_by_role("group", name="The part that is kept")
    frame.press("ArrowLeft")
    frame.press("Shift+ArrowDown")
    frame.press("+")
    expect(result).to_contain_text("408 × 408")
    assert axe_violations(ada_page) == []
    ada_page.get_by_role("button", name="Keep as a new picture").press("Enter")
    expect(ada_page.get_by_text("Made of this picture, which is as it was")).to_be_visible()
    copy = Asset.objects.get(origin="edit")
    assert (copy.width, copy.height, copy.derived_from) == (408, 408, picture)


def test_the_frame_is_dragged_and_typed_and_both_say_the_same(
    ada_page: Page, idle_studio: LiveStudio
) -> None:
    picture = add_picture(idle_studio)
    ada_page.goto(idle_studio.build_url(f"/pictures/{picture.pk}/crop/"))
    expect(ada_page.locator("[data-crop-result]")).to_contain_text("400 × 300")
    ada_page.get_by_text("Exact numbers").click()
    for name, value in (("x", "40"), ("y", "30"), ("width", "200"), ("height", "100")):
        ada_page.locator(f"[name={name}]").fill(value)
    frame = ada_page.locator("cropper-selection")
    before = frame.bounding_box()
    assert before
    x, y = before["x"] + before["width"] / 2, before["y"] + before["height"] / 2
    scale = before["width"] / 200
    ada_page.mouse.move(x, y)
    ada_page.mouse.down()
    ada_page.mouse.move(x + 50 * scale, y + 20 * scale, steps=4)
    ada_page.mouse.up()
    for name, value in (("x", 90), ("y", 50), ("width", 200), ("height", 100)):
        shown = int(ada_page.locator(f"[name={name}]").input_value())
        assert abs(shown - value) <= 1, name


def test_a_picture_of_the_form_is_cropped_to_the_pixels_that_its_model_wants(
    page: Page, studio: LiveStudio, tmp_path: Path
) -> None:
    open_model(page, studio, SORA)
    upload_image(page, tmp_path, "image_urls", width=900, height=1600)
    expect(page.locator("[data-check=bad]")).to_contain_text("Does not fit")
    page.locator(".media-item-square").click()
    page.locator("[data-media-item]").get_by_role("button", name="Crop or turn").click()
    dialog = page.get_by_role("dialog", name="Crop or turn")
    expect(dialog.get_by_role("radio", name="720 × 1280")).to_be_checked()
    expect(dialog.locator("[data-crop-result]")).to_contain_text("720 × 1280")
    with page.expect_response("**/refresh/"):
        dialog.get_by_role("button", name="Keep as a new picture").click()
    expect(page.locator("[data-check=good]")).to_be_visible()
    copy = Asset.objects.get(origin="edit")
    assert (copy.width, copy.height) == (720, 1280)


@pytest.mark.parametrize(
    "path", ["/cast/", "/pictures/", "/pictures/{pk}/", "/pictures/{pk}/crop/"]
)
def test_on_a_phone_every_target_is_large_enough(browser, studio: LiveStudio, path: str) -> None:
    picture = add_picture(studio, name="a long name of a picture from a telephone.png")
    create_cast_member(owner=studio.owner, name="anna", asset=picture, now=NOW)
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    with open_watched_page(context, studio.base_url) as page:
        sign_in(page, studio)
        page.goto(studio.build_url(path.format(pk=picture.pk)))
        page.wait_for_load_state("networkidle")
        assert axe_violations(page) == []
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        small = page.evaluate(
            """() => [...document.querySelectorAll("main :is(a, button, label:has(input))")]
                .filter((it) => it.checkVisibility() && it.getBoundingClientRect().height < 43.5)
                .map((it) => `${it.tagName} ${it.textContent.trim()}`)"""
        )
        assert small == []
    context.close()
