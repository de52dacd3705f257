"""Several films of one press, a film made again, a table of many: in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from evolink_studio.generations.models import Batch, Generation
from tests.browser.conftest import open_watched_page, sign_in
from tests.browser.steps import (
    axe_violations,
    choose_option,
    fill_prompt,
    hold_requests,
    open_model,
    press_generate,
    selected_card,
    wait_until_idle,
)

GROK, SEEDANCE = "grok-imagine-text-to-video", "doubao-seedance-1.0-pro-fast"


def choose_takes(page: Page, number: int) -> None:
    with page.expect_response("**/refresh/"):
        page.locator(f"label[for=takes-{number}]").click()
    wait_until_idle(page)


def test_four_takes_are_priced_together_and_made_by_one_press(page, studio):
    open_model(page, studio, GROK)
    fill_prompt(page, "[quick] A cat, four times")
    choose_takes(page, 4)
    expect(page.locator("#generate-button")).to_contain_text(
        re.compile(r"4 × [\d.]+ = [\d.]+ credits")
    )
    expect(page.locator("[name=prompt]")).to_have_value("[quick] A cat, four times")
    press_generate(page)
    expect(selected_card(page, "completed")).to_be_visible()
    expect(page.locator("#stage .stage-takes [data-status=completed]")).to_have_count(4)
    assert Generation.objects.count() == 4
    assert Batch.objects.get().generations.count() == 4
    expect(page.locator("#takes-1")).to_be_checked()  # what the button's price is for
    expect(page.locator("#generate-button")).to_contain_text(
        re.compile(r"Generate · [\d.]+ credits")
    )
    expect(page.locator("[name=prompt]")).to_have_value("[quick] A cat, four times")


def test_enter_in_a_field_is_a_press_of_generate_and_no_batch(page, studio):
    open_model(page, studio, GROK)
    fill_prompt(page, "[quick] A cat")
    wait_until_idle(page)
    page.locator("#takes-1").focus()
    with page.expect_response(lambda response: response.request.method == "POST") as answer:
        page.keyboard.press("Enter")
    assert answer.value.url.endswith(f"/create/{GROK}/")
    wait_until_idle(page)
    assert Generation.objects.count() == 1


def test_the_keyboard_chooses_the_number_of_takes(page, studio):
    open_model(page, studio, GROK)
    page.locator("#takes-1").focus()
    with page.expect_response("**/refresh/"):
        page.keyboard.press("ArrowRight")
    wait_until_idle(page)
    expect(page.locator("#takes-2")).to_be_focused()
    expect(page.locator("#generate-button")).to_contain_text("2 ×")


def test_a_press_right_after_another_number_waits_for_its_price_and_then_asks_again(page, studio):
    open_model(page, studio, GROK)
    fill_prompt(page, "[quick] A cat")
    with hold_requests(page, "**/refresh/"):
        page.locator("label[for=takes-3]").click()
        page.locator("#generate-button").click()
    expect(page.locator("#press-status")).to_contain_text("another price")
    assert Generation.objects.count() == 0


def test_a_film_is_made_again_from_its_card_at_the_price_on_the_button(page, studio):
    open_model(page, studio, SEEDANCE)
    fill_prompt(page, "[quick] A cat")
    choose_option(page, "quality", "480p")
    press_generate(page)
    expect(selected_card(page, "completed")).to_be_visible()
    first = Generation.objects.get()
    again = page.locator("#stage [data-again=loaded]")
    expect(again.get_by_role("button", name="In 720p")).to_contain_text("credits")
    again.get_by_text("On another model").click()
    expect(again.get_by_role("link", name="Veo 3.1 Pro")).to_contain_text("credits")
    assert axe_violations(page) == []

    again.get_by_role("button", name="Again").dblclick()
    expect(page.locator(f"#stage [data-generation='{first.pk}']")).to_have_count(0)
    expect(selected_card(page, "completed")).to_be_visible()
    (second,) = Generation.objects.exclude(pk=first.pk)
    assert (second.based_on, second.params) == (first, first.params)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_a_table_is_checked_changed_and_sent(browser, studio, width, scheme):
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, has_touch=width < 500
    )
    with open_watched_page(context, studio.base_url) as page:
        sign_in(page, studio)
        page.goto(studio.build_url("/batch/"))
        page.locator("#batch-prompts").fill("[quick] A cat\n[quick] A dog\n[quick] A fish")
        for model_id in (SEEDANCE, GROK):
            page.locator(f"[name=models][value='{model_id}']").check()
        page.locator("[name=ratios][value='21:9']").check()
        page.get_by_role("button", name="Show the table").click()
        expect(page.locator(".batch-row")).to_have_count(6)
        expect(page.get_by_role("heading", name="What would be sent")).to_be_in_viewport()
        expect(page.locator(".batch-row[data-refused]")).to_have_count(3)
        button = page.locator("#send-button")
        expect(button).to_contain_text("Send 3 films")

        # Enter in a line of the table leaves the page where it is.
        page.locator("#batch-title").fill("Pets")
        page.evaluate("window.isSamePage = true")
        page.locator("#batch-title").press("Enter")
        expect(page.locator("#batch-title")).to_have_value("Pets")
        assert page.evaluate("window.isSamePage")
        page.locator("#batch-title").fill("")

        # A table made afresh keeps what was entered beside its button.
        page.get_by_text("Project…").click()
        page.get_by_role("textbox", name="Name of the new project").fill("Spring")
        page.locator("#batch-prompts").fill("[quick] A cat\n[quick] A dog\n[quick] A crow")
        page.get_by_role("button", name="Make the table again").click()
        expect(page.get_by_role("textbox", name="Prompt of row 6")).to_have_value("[quick] A crow")

        # Typed on while the answer to the change before is under way: nothing of it is lost.
        page.get_by_role("checkbox", name="Send row 3").uncheck()
        page.get_by_role("textbox", name="Prompt of row 1").fill("[quick] A whale")
        page.locator("#batch-title").fill("Animals")
        page.locator("#batch-max-failures").fill("2")
        page.locator("#batch-max-failures").blur()
        expect(button).to_contain_text("Send 2 films")
        expect(page.locator("#batch-table.htmx-request")).to_have_count(0)
        expect(page.get_by_role("textbox", name="Prompt of row 1")).to_have_value("[quick] A whale")
        expect(page.locator("#batch-title")).to_have_value("Animals")
        assert axe_violations(page) == []
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")

        button.click()
        expect(page.locator("h1")).to_have_text("Animals")
        expect(page.locator(".batch-films [data-status=completed]")).to_have_count(
            2, timeout=60_000
        )
        expect(page.locator("#batch-progress")).not_to_have_attribute("hx-get", re.compile("."))
        assert axe_violations(page) == []
        batch = Batch.objects.get()
        assert (batch.title, batch.max_failures) == ("Animals", 2)
        prompts = batch.generations.order_by("pk").values_list("prompt", flat=True)
        assert list(prompts) == ["[quick] A whale", "[quick] A crow"]
        assert {film.project.name for film in batch.generations.all()} == {"Spring"}
    context.close()


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=str)
def test_a_batch_goes_on_with_what_stands_in_the_form_also_with_the_last_letters(
    page, studio, size
):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    open_model(page, studio, SEEDANCE)
    fill_prompt(page, "[quick] A cat")
    choose_option(page, "quality", "720p")
    prompt = page.locator("[name=prompt]")
    prompt.press("End")
    prompt.press_sequentially(" on a roof")
    page.get_by_role("button", name="Batch…").press("Enter")

    expect(page.locator("#batch-prompts")).to_have_value("[quick] A cat on a roof")
    expect(page.locator(f"[name=models][value='{SEEDANCE}']")).to_be_checked()
    expect(page.locator("[name=qualities]:checked")).to_have_count(1)
    expect(page.get_by_text("Taken over from the form of Seedance 1.0 Pro Fast.")).to_be_visible()
    page.get_by_role("checkbox", name="480p").press("Space")
    assert axe_violations(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.get_by_role("button", name="Show the table").click()
    expect(page.locator("#send-button")).to_contain_text("Send 2 films")

    # The form is as it was left, and none of its presses went out with that.
    page.go_back()
    page.go_back()
    expect(page.locator("[name=prompt]")).to_have_value("[quick] A cat on a roof")
    assert not Generation.objects.exists()


def test_what_failed_of_a_batch_is_sent_again_from_its_page(browser, studio):
    context = browser.new_context(viewport={"width": 390, "height": 900}, has_touch=True)
    with open_watched_page(context, studio.base_url) as page:
        sign_in(page, studio)
        page.goto(studio.build_url("/batch/"))
        page.locator("#batch-prompts").fill("[quick] A cat\n[quick] [policy] A dog")
        page.locator(f"[name=models][value='{SEEDANCE}']").check()
        page.locator("[name=ratios][value='9:16']").check()
        page.get_by_role("button", name="Show the table").click()
        page.locator("#send-button").click()
        page.get_by_role("link", name="Send 1 missing film again").click(timeout=60_000)

        prompt = page.get_by_role("textbox", name="Prompt of row 1")
        expect(prompt).to_have_value("[quick] [policy] A dog")
        prompt.fill("[quick] A dog")
        prompt.blur()
        expect(page.locator("#batch-table.htmx-request")).to_have_count(0)
        assert axe_violations(page) == []
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        page.locator("#send-button").dblclick()
        expect(page.locator(".batch-films [data-status=completed]")).to_have_count(
            1, timeout=60_000
        )
        assert Generation.objects.count() == 3
        page.goto(studio.build_url(f"/batch/{Batch.objects.earliest('pk').pk}/"))
        expect(page.get_by_text("1 missing film was sent again already.")).to_be_visible()
        poster = page.locator(".batch-thumbnail img")
        expect(poster).to_have_js_property("complete", True)
        # A portrait film is seen whole.
        assert poster.evaluate("it => it.offsetHeight <= it.parentElement.clientHeight")
        assert poster.evaluate("it => it.naturalHeight > it.naturalWidth")
        expect(page.get_by_role("link", name="Send 1 missing film again")).to_have_count(0)
        assert axe_violations(page) == []
