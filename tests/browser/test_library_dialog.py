"""The dialog "From my library" in the browser: what is deleted there is gone."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import LiveStudio
from tests.browser.steps import axe_violations, open_model
from tests.factories import VEO, AssetFactory
from tests.sample_images import make_image

CHECKBOXES = "[data-asset-picker] input[type=checkbox]"


def open_dialog(page: Page, studio: LiveStudio) -> None:
    open_model(page, studio, VEO)
    page.get_by_role("button", name="From my library").first.click()
    expect(page.get_by_role("dialog", name="From my library")).to_be_visible()


def test_selected_pictures_are_deleted_with_the_keyboard_after_a_question(
    page: Page, studio: LiveStudio
) -> None:
    for _ in range(3):
        AssetFactory(owner=studio.owner)
    open_dialog(page, studio)
    questions: list[str] = []

    def answer(dialog) -> None:
        questions.append(dialog.message)
        dialog.accept() if len(questions) > 1 else dialog.dismiss()

    page.on("dialog", answer)
    for position in (0, 1):
        page.locator(CHECKBOXES).nth(position).focus()
        page.keyboard.press("Space")
    delete_button = page.get_by_role("button", name="Delete selected files")
    delete_button.press("Enter")  # and then decides against it
    expect(page.locator(CHECKBOXES)).to_have_count(3)
    delete_button.press("Enter")
    expect(page.get_by_text("2 files deleted.")).to_be_visible()
    expect(page.locator(CHECKBOXES)).to_have_count(1)
    assert studio.owner.assets.count() == 1
    assert len(questions) == 2


def test_a_deleted_picture_leaves_the_form_at_once(page: Page, studio: LiveStudio) -> None:
    AssetFactory(owner=studio.owner, name="cat.png")
    open_dialog(page, studio)
    with page.expect_response("**/refresh/"):
        page.click(".asset-picker-item")
    expect(page.locator("[data-media-item]")).to_have_count(1)
    page.get_by_role("checkbox", name="Select cat.png").check()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete selected files").click()
    expect(page.locator("[data-media-item]")).to_have_count(0)
    expect(page.locator("[data-error-for=image_urls]")).to_contain_text("no longer in your library")


def test_a_checkbox_says_which_picture_it_selects(page: Page, studio: LiveStudio) -> None:
    asset = AssetFactory(owner=studio.owner, name="cat.png")
    open_dialog(page, studio)
    page.get_by_role("checkbox", name="Select cat.png").check()
    expect(page.locator(f"{CHECKBOXES}:checked")).to_have_value(str(asset.pk))


def test_the_slot_takes_and_names_what_is_made_jpeg(page: Page, studio: LiveStudio) -> None:
    open_model(page, studio, VEO)
    field = page.locator("input[type=file]").first
    accepted = (field.get_attribute("accept") or "").split(",")
    assert {"image/heic", "image/avif", ".heic", ".avif"} <= set(accepted)
    expect(page.locator(".dropzone-text small")).to_contain_text("HEIC, AVIF")
    expect(page.locator(".dropzone-text small")).to_be_visible()


def test_the_dialog_stays_open_while_pictures_are_chosen_added_and_taken_out(
    page: Page, studio: LiveStudio, tmp_path
) -> None:
    for name in ("anna.png", "boat.png"):
        AssetFactory(owner=studio.owner, name=name)
    open_dialog(page, studio)
    dialog = page.get_by_role("dialog", name="From my library")
    for name in ("anna.png", "boat.png"):
        dialog.locator(".asset-picker-item", has_text=name).click()
        expect(dialog.locator("[aria-pressed=true]", has_text=name)).to_be_visible()
    expect(page.locator("[data-media-item]")).to_have_count(2)
    dialog.locator(".asset-picker-item", has_text="anna.png").click()
    expect(page.locator("[data-media-item]")).to_have_count(1)
    path = tmp_path / "harbour.png"
    path.write_bytes(make_image(width=640, height=480))
    dialog.locator("[data-picker-upload]").set_input_files(path)
    expect(dialog.locator("[aria-pressed=true]", has_text="harbour.png")).to_be_visible()
    dialog.get_by_role("searchbox").fill("BOA")
    expect(dialog.locator(".asset-picker-item")).to_have_count(1)
    assert axe_violations(page) == []
    dialog.get_by_role("button", name="Done").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("[data-media-item]")).to_have_count(2)
