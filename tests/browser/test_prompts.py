"""Prompts while typing: names and tags completed, and what the menus put in place of the text."""

import pytest
from playwright.sync_api import Page, expect

from evolink_studio.prompts.cast.services import create_cast_member
from evolink_studio.prompts.models import Preset, PromptTemplate
from evolink_studio.prompts.presets.services import create_preset
from evolink_studio.prompts.prompt_templates.services import create_template
from tests.browser.conftest import LiveStudio, open_watched_page, sign_in
from tests.browser.steps import (
    axe_violations,
    choose_option,
    open_model,
    wait_for_next_frames,
    wait_until_idle,
)
from tests.factories import NOW, AssetFactory, GenerationFactory
from tests.sample_images import make_image

KLING = "kling-o3-image-to-video"
WIDTHS = [(1440, False), (390, True)]


@pytest.fixture
def cast(idle_studio: LiveStudio) -> None:
    for number, name in enumerate(("anna", "Anton", "bottle")):
        content = make_image(width=400 + number, height=400)
        picture = AssetFactory(
            owner=idle_studio.owner, content=content, width=400 + number, height=400
        )
        create_cast_member(owner=idle_studio.owner, name=name, asset=picture, now=NOW)


@pytest.mark.parametrize(("width", "is_phone"), WIDTHS)
def test_names_and_tags_are_completed_by_key_and_by_pointer(
    browser, idle_studio: LiveStudio, cast, width: int, is_phone: bool
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 844}, has_touch=is_phone, is_mobile=is_phone
    )
    with open_watched_page(context, idle_studio.base_url) as page:
        sign_in(page, idle_studio)
        open_model(page, idle_studio, KLING)
        prompt = page.locator("textarea[name=prompt]")
        options = page.get_by_role("option")
        prompt.press_sequentially("Look, @an")
        expect(options).to_have_text(["@Anton person", "@anna person"])
        assert axe_violations(page) == []
        page.keyboard.press("ArrowDown")
        expect(prompt).to_have_attribute("aria-activedescendant", "completion-1")
        page.keyboard.press("Enter")
        expect(prompt).to_have_value("Look, @anna ")
        expect(options).to_have_count(0)
        expect(page.locator("[data-media=image_urls] [data-media-item]")).to_have_count(1)

        prompt.press_sequentially("and <<<")
        expect(options).to_have_count(1)
        options.first.click()
        expect(prompt).to_have_value("Look, @anna and <<<image_1>>> ")
        expect(prompt).to_be_focused()

        prompt.press_sequentially("@")
        expect(options).to_have_count(3)
        page.keyboard.press("Escape")
        expect(options).to_have_count(0)
        expect(prompt).to_have_value("Look, @anna and <<<image_1>>> @")
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    context.close()


@pytest.mark.parametrize(("width", "is_phone"), WIDTHS)
def test_an_at_sign_with_an_empty_cast_says_what_it_is_for(
    browser, idle_studio: LiveStudio, width: int, is_phone: bool
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 844}, has_touch=is_phone, is_mobile=is_phone
    )
    with open_watched_page(context, idle_studio.base_url) as page:
        sign_in(page, idle_studio)
        open_model(page, idle_studio, KLING)
        prompt = page.locator("textarea[name=prompt]")
        hint = page.locator("#completion-hint")
        prompt.press_sequentially("Write to ada@example.org, then ")
        with page.expect_response("**/cast/names/"):
            prompt.press_sequentially("@")
        expect(hint).to_contain_text("a picture with a name")
        expect(hint).to_be_in_viewport(ratio=1)
        expect(page.locator("#announcer")).to_contain_text("your cast")
        assert axe_violations(page) == []
        if is_phone:
            assert hint.get_by_role("link").bounding_box()["height"] >= 44
        page.keyboard.press("Tab")
        link = hint.get_by_role("link", name="Make the first one")
        expect(link).to_be_focused()
        assert link.get_attribute("href") == "/cast/"
        page.keyboard.press("Shift+Tab")
        expect(prompt).to_be_focused()
        expect(hint).to_be_visible()
        prompt.press_sequentially("ada waves")  # a handle: the text goes on, the hint goes
        expect(prompt).to_have_value("Write to ada@example.org, then @ada waves")
        expect(hint).to_be_hidden()
        prompt.press_sequentially(" @")
        expect(hint).to_be_visible()
        page.keyboard.press("Escape")
        expect(hint).to_be_hidden()
        expect(prompt).to_be_focused()
        with page.expect_response("**/cast/names/") as answer:
            prompt.press_sequentially("x @")
        answer.value.finished()
        wait_for_next_frames(page)
        expect(hint).to_be_hidden()  # dismissed once, it stays away
    context.close()


def test_names_are_completed_in_a_shot_too(ada_page: Page, idle_studio: LiveStudio, cast) -> None:
    open_model(ada_page, idle_studio, KLING)
    choose_option(ada_page, "multi_shot", "true")
    shot = ada_page.locator("textarea[name=shots-0-prompt]")
    shot.press_sequentially("The @bo")
    expect(ada_page.get_by_role("option")).to_have_count(1)
    ada_page.keyboard.press("Tab")
    expect(shot).to_have_value("The @bottle ")
    expect(shot).to_be_focused()


@pytest.mark.parametrize(("width", "is_phone"), WIDTHS)
def test_an_earlier_prompt_takes_the_place_of_the_text_and_can_be_undone(
    browser, idle_studio: LiveStudio, width: int, is_phone: bool
) -> None:
    GenerationFactory(
        owner=idle_studio.owner, prompt="A whale at night", state="failed", created_at=NOW
    )
    template = "{thing} turns on {surface}"
    create_template(owner=idle_studio.owner, name="Product", text=template, now=NOW)
    context = browser.new_context(
        viewport={"width": width, "height": 844}, has_touch=is_phone, is_mobile=is_phone
    )
    with open_watched_page(context, idle_studio.base_url) as page:
        sign_in(page, idle_studio)
        open_model(page, idle_studio, KLING)
        prompt, menu = page.locator("textarea[name=prompt]"), page.locator("#prompt-menu")
        prompt.fill("Typed by hand")
        page.get_by_role("link", name="History").click()
        menu.get_by_role("link", name="A whale at night").click()
        expect(prompt).to_have_value("A whale at night")
        wait_until_idle(page)
        page.get_by_role("button", name="Undo").click()
        expect(prompt).to_have_value("Typed by hand")

        page.get_by_role("link", name="Templates").click()
        menu.get_by_role("link", name="Product").click()
        menu.get_by_label("thing").fill("A cup")
        expect(menu.locator("[data-template-text]")).to_have_text("A cup turns on {surface}")
        menu.get_by_label("surface").fill("marble")
        assert axe_violations(page) == []
        menu.get_by_role("button", name="Put into the form").click()
        expect(prompt).to_have_value("A cup turns on marble")

        page.get_by_role("link", name="Presets").click()
        menu.get_by_label("Save these settings as a preset").fill("Cups")
        menu.get_by_role("button", name="Save").click()
        expect(menu).to_contain_text("Saved as “Cups”.")
        assert Preset.objects.get().values["prompt"] == "A cup turns on marble"
        page.keyboard.press("Escape")
        prompt.fill("Not sent yet")
        page.get_by_role("link", name="Presets").click()
        menu.get_by_role("link", name="Cups").click()
        expect(prompt).to_have_value("A cup turns on marble")
        page.get_by_role("link", name="Undo").click()
        expect(prompt).to_have_value("Not sent yet")
    context.close()


def test_on_a_phone_every_target_of_the_pages_is_large_enough(
    browser, idle_studio: LiveStudio
) -> None:
    owner = idle_studio.owner
    GenerationFactory(owner=owner, prompt="A whale at night", state="failed", created_at=NOW)
    create_template(owner=owner, name="Product", text="{thing} turns", now=NOW)
    create_preset(owner=owner, name="Cups", model_id=KLING, values={"prompt": "A cup"}, now=NOW)
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    with open_watched_page(context, idle_studio.base_url) as page:
        sign_in(page, idle_studio)
        template = PromptTemplate.objects.get()
        for path in (
            "",
            "presets/",
            "templates/",
            "templates/new/",
            f"templates/{template.pk}/use/",
        ):
            page.goto(idle_studio.build_url(f"/prompts/{path}"))
            for summary in page.locator("main summary").all():
                summary.click()
            assert (path, axe_violations(page)) == (path, [])
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
            small = page.evaluate(
                """() => [...document.querySelectorAll("main :is(a, button, summary, input)")]
                    .filter((it) => it.checkVisibility() && !it.matches("label input"))
                    .filter((it) => it.getBoundingClientRect().height < 43.5)
                    .map((it) => `${it.tagName} ${it.textContent.trim()}`)"""
            )
            assert (path, small) == (path, [])
    context.close()
