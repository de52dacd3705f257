"""Every page for everybody: screen reader rules, languages, themes, phones."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import open_watched_page, sign_in
from tests.browser.steps import (
    axe_violations,
    fill_prompt,
    open_model,
    press_generate,
    selected_card,
)

PAGE_URLS = (
    "/create/veo3.1-pro/",
    "/create/kling-o3-image-to-video/",
    "/create/sora-2-preview/",
    "/models/",
    "/batch/",
    "/films/",
    "/pictures/",
    "/films/trash/",
    "/collections/",
    "/projects/",
    "/account/downloads/",
    "/cast/",
    "/prompts/",
    "/prompts/presets/",
    "/prompts/templates/",
    "/prompts/templates/new/",
    "/films/share/",
    "/shares/",
    "/cuts/",
    "/cuts/new/",
    "/account/preferences/",
    "/account/password/",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("locale", "width"), [("en-GB", 1440), ("de-DE", 820), ("de-DE", 390)])
def test_no_page_breaks_a_rule_for_screen_readers_or_is_too_wide(
    browser, studio, scheme, locale, width
):
    context = browser.new_context(
        viewport={"width": width, "height": 900}, locale=locale, color_scheme=scheme
    )
    with open_watched_page(context, studio.base_url) as page:
        page.goto(studio.build_url("/account/login/"))
        assert axe_violations(page) == []
        sign_in(page, studio)
        for path in PAGE_URLS:
            page.goto(studio.build_url(path))
            assert (path, axe_violations(page)) == (path, [])
            assert page.locator("h1").count() == 1
            is_too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
            assert (path, is_too_wide) == (path, False)
            assert page.locator("html").get_attribute("lang") == locale[:2]
    context.close()


def test_cards_of_every_kind_break_no_rule(page, studio):
    open_model(page, studio, "grok-imagine-text-to-video")
    for prompt in ("[quick] done", "[quick] [policy] failed", "[lost] [stall] unknown"):
        fill_prompt(page, prompt)
        press_generate(page)
        expect(page.locator("[data-status=queued], [data-status=sending]")).to_have_count(0)
    fill_prompt(page, "[stall] running")
    press_generate(page)
    expect(selected_card(page, "running")).to_be_visible()
    assert axe_violations(page) == []


def test_a_phone_has_the_button_in_reach_and_its_results_in_a_tab(browser, studio):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    with open_watched_page(context, studio.base_url) as page:
        sign_in(page, studio)
        open_model(page, studio, "grok-imagine-text-to-video")
        expect(page.locator("[data-action=generate]")).to_be_in_viewport()
        fill_prompt(page, "[quick] A cat in a pocket")
        press_generate(page)
        expect(selected_card(page, "completed")).to_be_visible()
        expect(page.locator("#stage video")).to_be_in_viewport()
    context.close()
