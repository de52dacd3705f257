"""Pictures in their row: put into another order, and from one place into another."""

import pytest
from playwright.sync_api import Page, expect

from evolink_studio.generations.models import Generation
from evolink_studio.library.models import Asset
from tests.browser.steps import (
    fill_prompt,
    open_model,
    press_generate,
    selected_card,
    upload_image,
    wait_until_idle,
)

KLING = "kling-o3-image-to-video"
START, END, REFERENCES = (
    f"[data-media={name}] [data-media-item]" for name in ("image_start", "image_end", "image_urls")
)


def read_refs(page: Page, name: str) -> list[str]:
    """What the form would send for this parameter, in its order."""
    return page.eval_on_selector_all(
        f"#generate [name={name}]:checked", "(boxes) => boxes.map((box) => box.value)"
    )


def drag(page: Page, source: str, target: str, target_x: float = 0.9) -> None:
    box = page.locator(target).bounding_box()
    with page.expect_response("**/refresh/"):
        page.drag_and_drop(
            source, target, target_position={"x": box["width"] * target_x, "y": box["height"] / 2}
        )
    wait_until_idle(page)


@pytest.fixture
def veo_page(page, studio, tmp_path) -> Page:
    """Two pictures, first and last."""
    open_model(page, studio, "veo3.1-pro")
    for width in (640, 720):
        upload_image(page, tmp_path, "image_urls", width=width, height=360)
        wait_until_idle(page)
    return page


def test_pictures_are_dragged_into_another_order_and_sent_in_it(veo_page):
    first, second = read_refs(veo_page, "image_urls")
    squares = "[data-media=image_urls] [data-media-item]"
    drag(veo_page, f"{squares} >> nth=0", f"{squares} >> nth=1")
    assert read_refs(veo_page, "image_urls") == [second, first]
    fill_prompt(veo_page, "[quick] A cat")
    press_generate(veo_page)
    expect(selected_card(veo_page)).to_be_visible()
    assert Generation.objects.get().params["image_urls"] == [second, first]


def test_pictures_are_moved_by_keys_and_by_the_buttons_of_their_menu(veo_page):
    first, second = read_refs(veo_page, "image_urls")
    square = veo_page.locator(".media-item-square").first
    with veo_page.expect_response("**/refresh/"):
        square.press("Alt+ArrowRight")
    wait_until_idle(veo_page)
    assert read_refs(veo_page, "image_urls") == [second, first]
    expect(veo_page.locator(".media-item-square").last).to_be_focused()
    veo_page.locator(".media-item-square").last.click()
    with veo_page.expect_response("**/refresh/"):
        veo_page.locator("[data-move=up]:visible").click()
    wait_until_idle(veo_page)
    assert read_refs(veo_page, "image_urls") == [first, second]


def test_a_picture_changes_its_place_and_takes_that_of_the_one_that_stands_there(
    page, studio, tmp_path
):
    open_model(page, studio, KLING)
    for name, width in (("image_start", 640), ("image_end", 720)):
        upload_image(page, tmp_path, name, width=width, height=480)
        wait_until_idle(page)
    first, last = (asset.ref for asset in Asset.objects.order_by("pk"))
    drag(page, START, END)
    assert (read_refs(page, "image_start"), read_refs(page, "image_end")) == ([last], [first])
    drag(page, END, "[data-media=image_urls] .dropzone", 0.5)
    assert (read_refs(page, "image_end"), read_refs(page, "image_urls")) == ([], [first])
    expect(page.locator(REFERENCES)).to_have_count(1)
