"""From an empty form to a playing film, in a real browser, for every model."""

import pytest
from playwright.sync_api import expect

from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from tests.browser.conftest import sign_in
from tests.browser.steps import (
    CHOICES_BY_MODEL,
    choose_option,
    fill_prompt,
    open_model,
    press_generate,
    selected_card,
    upload_image,
    video_plays,
    wait_until_idle,
)


@pytest.mark.parametrize("model_id", CHOICES_BY_MODEL)
def test_a_person_makes_a_film_and_downloads_it(page, studio, tmp_path, model_id):
    open_model(page, studio, model_id)
    fill_prompt(page, "[quick] A cat playing piano")
    if model_id.startswith("kling"):
        upload_image(page, tmp_path, "image_start")
    for name, value in CHOICES_BY_MODEL[model_id].items():
        choose_option(page, name, value)
    expect(page.locator("[data-action=generate]")).to_contain_text("credits")
    press_generate(page)

    expect(selected_card(page, "completed")).to_be_visible()
    assert video_plays(page)
    with page.expect_download() as download:
        selected_card(page).locator("a[download]").first.click()
    assert download.value.suggested_filename.endswith(".mp4")
    generation = Generation.objects.get()
    assert generation.state == State.COMPLETED
    assert generation.params["prompt"] == "[quick] A cat playing piano"
    for name, value in CHOICES_BY_MODEL[model_id].items():
        assert str(generation.params[name]) == value
    assert generation.credits_charged == generation.credits_reserved == generation.credits_estimated


def press_tab_until(page, name: str) -> None:
    """To the control of this name, past what lies between."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == name:
            return
    raise AssertionError(f"Tab never came to {name}")


def test_the_keyboard_alone_is_enough(page, studio):
    open_model(page, studio, "grok-imagine-text-to-video")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    page.keyboard.press("Enter")
    press_tab_until(page, "prompt")
    page.keyboard.type("[quick] A cat at the keyboard")
    press_tab_until(page, "duration")
    with page.expect_response("**/refresh/"):
        page.keyboard.press("ArrowRight")
    wait_until_idle(page)
    assert page.evaluate("document.activeElement.name") == "duration"
    page.keyboard.press("Control+Enter")

    expect(selected_card(page, "completed")).to_be_visible()
    assert Generation.objects.get().params["duration"] == 10


def test_progress_is_shown_with_words_and_the_poller_stops_by_itself(page, studio):
    open_model(page, studio, "grok-imagine-text-to-video")
    fill_prompt(page, "[stall] A cat")
    press_generate(page)
    bar = selected_card(page, "running").locator("[role=progressbar]")
    expect(bar).to_be_visible()
    assert "%" in bar.get_attribute("aria-valuetext")
    expect(page.locator("#poller[hx-get]")).to_have_count(1)

    expect(selected_card(page, "completed").locator("video")).to_be_visible(timeout=120_000)
    expect(page.locator("#poller[hx-get]")).to_have_count(0)


def test_fifty_presses_make_one_generation(page, studio):
    open_model(page, studio, "grok-imagine-text-to-video")
    fill_prompt(page, "[quick] A cat")
    key = page.input_value("[name=form_key]")
    page.evaluate(
        """async (key) => {
            const form = document.querySelector("#generate");
            const body = () => {
                const data = new FormData(form);
                data.set("form_key", key);
                return data;
            };
            await Promise.all(Array.from({length: 50}, () =>
                fetch(form.action, {method: "POST", body: body(), redirect: "manual"})));
        }""",
        key,
    )
    assert Generation.objects.count() == 1


def test_it_works_without_javascript(browser, studio):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, studio)
    open_model(page, studio, "doubao-seedance-1.0-pro-fast")
    fill_prompt(page, "[quick] A quiet street")
    page.locator("[data-action=generate]").click()
    expect(page.locator("[data-generation]")).to_be_visible()
    for _ in range(60):
        if page.locator("[data-generation][data-status=completed]").count():
            break
        page.wait_for_timeout(250)
        page.reload()
    expect(page.locator("#stage video")).to_be_visible()
    context.close()
