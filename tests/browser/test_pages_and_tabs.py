"""Several tabs, reloads and ways back: each page keeps what is its own."""

import re
from datetime import timedelta

from playwright.sync_api import expect

from evolink_studio.films.views.gallery import MAX_DEPTH, MORE_SIZE, PAGE_SIZE
from evolink_studio.generations.models import Draft, Generation
from evolink_studio.generations.states import State
from tests.browser.conftest import open_watched_page
from tests.browser.steps import (
    add_shot,
    choose_option,
    fill_prompt,
    open_model,
    wait_for_next_frames,
    wait_until_idle,
)
from tests.factories import NOW, VEO, GenerationFactory

GROK = "grok-imagine-text-to-video"


def save_prompt(page, prompt):
    """Type a prompt, leave the field, and wait until the server has it."""
    fill_prompt(page, prompt)
    with page.expect_response("**/refresh/"):
        page.locator("[name=prompt]").blur()
    wait_until_idle(page)


def expect_prompt(page, prompt):
    expect(page.locator("textarea[name=prompt]")).to_have_value(prompt)


def test_a_tab_keeps_its_own_text_over_a_reload_and_on_the_way_back(ada_page, idle_studio):
    open_model(ada_page, idle_studio, GROK)
    choose_option(ada_page, "mode", "spicy")
    save_prompt(ada_page, "Of the first tab")
    with open_watched_page(ada_page.context, idle_studio.base_url) as other_page:
        open_model(other_page, idle_studio, GROK)
        save_prompt(other_page, "Of the second tab")
        expect_prompt(ada_page, "Of the first tab")
        ada_page.reload()
        expect_prompt(ada_page, "Of the first tab")
        expect(ada_page.locator("[name=mode][value=spicy]")).to_be_checked()
        ada_page.goto(idle_studio.build_url("/films/"))
        ada_page.go_back()
        expect_prompt(ada_page, "Of the first tab")
        other_page.reload()
        expect_prompt(other_page, "Of the second tab")
    prompts = {draft.values["prompt"] for draft in Draft.objects.all()}
    assert prompts == {"Of the first tab", "Of the second tab"}


def test_letters_typed_just_before_a_reload_are_not_lost(ada_page, idle_studio):
    open_model(ada_page, idle_studio, GROK)
    fill_prompt(ada_page, "Not yet with the server")
    ada_page.reload()
    expect_prompt(ada_page, "Not yet with the server")


def test_shots_and_what_else_the_page_had_no_field_for_come_back_too(ada_page, idle_studio):
    kling = "kling-o3-image-to-video"
    open_model(ada_page, idle_studio, kling)
    choose_option(ada_page, "multi_shot", "true")
    for number, text in enumerate(("one", "two")):
        add_shot(ada_page, number + 1)
        field = ada_page.locator(f"[name=shots-{number}-prompt]")
        field.fill(text)
        with ada_page.expect_response("**/refresh/"):
            field.blur()
        wait_until_idle(ada_page)
    Draft.objects.all().delete()
    ada_page.reload()
    expect(ada_page.locator("[name=shots-0-prompt]")).to_have_value("one")
    expect(ada_page.locator("[name=shots-1-prompt]")).to_have_value("two")


def test_a_form_that_is_begun_afresh_stays_so(ada_page, idle_studio):
    open_model(ada_page, idle_studio, GROK)
    save_prompt(ada_page, "Half a thought")
    ada_page.goto(idle_studio.build_url(f"/create/{GROK}/?afresh"))
    expect_prompt(ada_page, "")
    ada_page.reload()
    wait_until_idle(ada_page)
    expect_prompt(ada_page, "")


def test_the_settings_of_a_film_stay_over_a_reload(ada_page, idle_studio):
    (film,) = make_films(idle_studio.owner, 1)
    open_model(ada_page, idle_studio, VEO)
    save_prompt(ada_page, "Half a thought")
    ada_page.goto(idle_studio.build_url(f"/create/{VEO}/?from={film.pk}"))
    for _ in range(2):
        expect_prompt(ada_page, "Film 0")
        expect(ada_page.locator("[data-note]")).to_contain_text("Undo")
        ada_page.reload()
        wait_until_idle(ada_page)
    ada_page.locator("[data-note] a", has_text="Undo").click()
    expect_prompt(ada_page, "Half a thought")


def test_a_press_under_way_at_a_reload_is_not_sent_twice(ada_page, idle_studio):
    """The answer to the press never reaches the page; the same form is pressed again."""
    open_model(ada_page, idle_studio, GROK)
    save_prompt(ada_page, "Once")
    with ada_page.expect_response(re.compile(f"/create/{GROK}/$")):
        ada_page.evaluate("fetch('', {method: 'POST', body: new FormData(generate)})")
    ada_page.reload()
    expect_prompt(ada_page, "Once")
    wait_until_idle(ada_page)
    with ada_page.expect_response(re.compile(f"/create/{GROK}/$")):
        ada_page.click("[data-action=generate]")
    assert Generation.objects.count() == 1


def test_an_idle_tab_shows_what_another_tab_started(ada_page, idle_studio):
    open_model(ada_page, idle_studio, GROK)
    expect(ada_page.locator("#poller[hx-get]")).to_have_count(0)
    with open_watched_page(ada_page.context, idle_studio.base_url) as other_page:
        open_model(other_page, idle_studio, GROK)
        save_prompt(other_page, "Started in the second tab")
        other_page.click("[data-action=generate]")
        expect(ada_page.locator("[data-generation]")).to_contain_text("Started in the second tab")
        expect(ada_page.locator("#poller[hx-get]")).to_have_count(1)


# --- the films page ----------------------------------------------------------------------------


def make_films(owner, count):
    return [
        GenerationFactory(
            owner=owner, state=State.COMPLETED, created_at=NOW - timedelta(hours=n),
            prompt=f"Film {n}",
        )
        for n in range(count)
    ]  # fmt: skip


TILES = "[data-generation][data-status=completed]"


def test_films_come_by_themselves_where_the_list_ends_till_the_page_is_full(ada_page, idle_studio):
    make_films(idle_studio.owner, MAX_DEPTH + 5)
    ada_page.goto(idle_studio.build_url("/films/"))
    tiles, button = ada_page.locator(TILES), ada_page.locator("#load-more a")
    expect(tiles).to_have_count(PAGE_SIZE)
    for count in [*range(PAGE_SIZE + MORE_SIZE, MAX_DEPTH, MORE_SIZE), MAX_DEPTH]:
        button.scroll_into_view_if_needed()
        expect(tiles).to_have_count(count)
    expect(button).to_have_text("Next page")
    foot = ada_page.locator("footer a")
    foot.scroll_into_view_if_needed()
    expect(foot).to_be_in_viewport()
    button.click()
    expect(tiles).to_have_count(5)


def test_a_key_brings_more_films_and_goes_on_at_the_first_of_them(ada_page, idle_studio):
    films = make_films(idle_studio.owner, PAGE_SIZE + 3)
    ada_page.set_viewport_size({"width": 1440, "height": 9000})  # nothing to scroll: nothing comes
    ada_page.goto(idle_studio.build_url("/films/"))
    ada_page.locator("#load-more a").focus()
    ada_page.keyboard.press("Enter")
    expect(ada_page.locator(TILES)).to_have_count(PAGE_SIZE + 3)
    expect(ada_page.locator(f"#film-{films[PAGE_SIZE].pk} h3 a")).to_be_focused()


def test_who_saves_data_asks_for_more_films_by_the_button(ada_page, idle_studio):
    make_films(idle_studio.owner, PAGE_SIZE + 3)
    ada_page.add_init_script(
        "Object.defineProperty(navigator, 'connection', { value: { saveData: true } })"
    )
    ada_page.goto(idle_studio.build_url("/films/"))
    ada_page.locator("#load-more a").scroll_into_view_if_needed()
    expect(ada_page.locator("#load-more a")).to_be_in_viewport()
    # The watcher has told by the frame after the next one.
    wait_for_next_frames(ada_page)
    expect(ada_page.locator("#load-more.htmx-request, #load-more .htmx-request")).to_have_count(0)
    expect(ada_page.locator(TILES)).to_have_count(PAGE_SIZE)
    ada_page.locator("#load-more a").click()
    expect(ada_page.locator(TILES)).to_have_count(PAGE_SIZE + 3)


def test_back_from_a_film_leads_to_the_same_place_and_depth(ada_page, idle_studio):
    count = PAGE_SIZE + 2 * MORE_SIZE
    films = make_films(idle_studio.owner, count + 5)
    ada_page.goto(idle_studio.build_url("/films/"))
    tiles = ada_page.locator(TILES)
    for shown in (PAGE_SIZE + MORE_SIZE, count):
        ada_page.locator("#load-more").scroll_into_view_if_needed()
        expect(tiles).to_have_count(shown)
    pk = films[PAGE_SIZE + MORE_SIZE + 1].pk
    film = ada_page.locator(f"[data-generation='{pk}']")
    film.scroll_into_view_if_needed()
    before = film.bounding_box()["y"]
    film.locator("a").first.click()
    ada_page.wait_for_url(f"**/films/{pk}/**")
    ada_page.go_back()
    expect(tiles).to_have_count(count)
    expect(film).to_be_in_viewport()
    assert abs(film.bounding_box()["y"] - before) < 5
    ada_page.reload()
    expect(film).to_be_in_viewport()
    assert ada_page.locator("#load-more a").count() == 1


def test_settings_of_a_film_can_be_undone(ada_page, idle_studio):
    older, newer = make_films(idle_studio.owner, 2)[::-1]
    ada_page.goto(idle_studio.build_url(f"/create/{VEO}/?show={older.pk}"))
    fill_prompt(ada_page, "Half a thought")  # the link is pressed before the server heard of it
    ada_page.locator("#stage a", has_text="Use these settings").click()
    expect_prompt(ada_page, "Film 1")
    expect(ada_page.locator("#stage [data-generation]")).to_have_attribute(
        "data-generation", str(older.pk)
    )
    save_prompt(ada_page, "Film 1, changed")
    ada_page.locator("[data-note] a", has_text="Undo").click()
    expect_prompt(ada_page, "Half a thought")
    assert Generation.objects.count() == 2
    assert newer.pk != older.pk
