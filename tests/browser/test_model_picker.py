"""The picker as a person uses it: searched, walked through, pinned; help at the controls."""

from playwright.sync_api import Page, expect

from tests.browser.steps import axe_violations, choose_option, open_model, wait_until_idle

VEO, KLING, SEEDANCE = "veo3.1-pro", "kling-o3-image-to-video", "doubao-seedance-1.0-pro-fast"
ROWS = "#model-rows > tr:visible"


def open_picker(page: Page) -> None:
    page.click("#model-button")
    expect(page.locator(ROWS).first).to_be_visible()


def test_models_are_searched_filtered_and_chosen_by_keys(page, studio):
    open_model(page, studio, VEO)
    open_picker(page)
    expect(page.locator("[data-model-search]")).to_be_focused()
    page.keyboard.type("fast SEEdance")
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.locator("[data-model-count]")).to_have_text("1 model")
    page.keyboard.type(" nothing")
    expect(page.locator("[data-model-count]")).to_have_text("No model fits.")
    page.fill("[data-model-search]", "")
    page.locator("label", has_text="Two frames").click()
    expect(page.locator(ROWS)).to_have_count(2)
    assert axe_violations(page) == []
    page.locator("[data-model-search]").press("ArrowDown")
    expect(page.locator(f"#model-picker a[href='/create/{VEO}/']")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator(f"#model-picker a[href='/create/{KLING}/']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(f"form[data-model='{KLING}']")).to_be_visible()
    expect(page.locator("#model-button")).to_be_focused()


def test_a_pinned_model_goes_to_the_top_and_the_search_stays(page, studio):
    open_model(page, studio, VEO)
    open_picker(page)
    page.fill("[data-model-search]", "r")
    page.click("#pin-sora-2-preview")
    expect(page.locator("#pin-sora-2-preview")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#pin-sora-2-preview")).to_be_focused()
    expect(page.locator("#model-rows > tr").first).to_have_id("model-sora-2-preview")
    expect(page.locator("[data-model-search]")).to_have_value("r")


def test_what_a_control_means_opens_over_the_form_and_moves_nothing(page, studio):
    open_model(page, studio, SEEDANCE)
    button = page.locator("#generate-button")
    place = button.bounding_box()
    page.locator("[popovertarget=field-aspect_ratio-about]").click()
    help_text = page.locator("#field-aspect_ratio-about")
    expect(help_text).to_be_visible()
    expect(help_text).to_contain_text("Very wide, like cinema.")
    assert button.bounding_box() == place
    assert axe_violations(page) == []
    page.keyboard.press("Escape")
    expect(help_text).to_be_hidden()
    page.locator("label", has_text="Adaptive").click(force=True)  # it is disabled
    expect(help_text).to_contain_text("This follows a picture.")
    expect(help_text).to_be_visible()


def test_the_first_shot_begins_with_the_prompt_and_the_length_follows_the_shots(page, studio):
    open_model(page, studio, KLING)
    page.fill("textarea[name=prompt]", "A person smiles")
    choose_option(page, "multi_shot", "true")
    expect(page.locator("[name=shots-0-prompt]")).to_have_value("A person smiles")
    page.fill("[name=shots-0-duration]", "9")
    with page.expect_response("**/refresh/"):
        page.press("[name=shots-0-duration]", "Tab")
    with page.expect_response("**/refresh/"):
        page.locator("[name=_do][value='shots:total']").click()
    wait_until_idle(page)
    expect(page.locator("[name=duration]")).to_have_value("9")
    choose_option(page, "multi_shot", "false")
    expect(page.locator("textarea[name=prompt]")).to_have_value("A person smiles")
