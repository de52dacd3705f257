"""The page of a film as somebody uses it who steps through frames and makes the next shot."""

import re

import pytest
from playwright.sync_api import Page, expect

from evolink_studio.library.models import Asset
from tests.browser.conftest import open_watched_page, sign_in
from tests.browser.steps import (
    axe_violations,
    hold_requests,
    wait_for_next_frames,
    wait_until,
)
from tests.factories import VEO
from tests.films.made_films import make_playing_film


def wait_until_films(page: Page, condition: str, which: str = "every") -> None:
    """Wait until `condition` holds for every (or for some) film of the page."""
    wait_until(page, f"[...document.querySelectorAll('video')].{which}((film) => {condition})")


def open_film(page: Page, studio, film, query: str = "") -> None:
    page.goto(studio.build_url(f"/films/{film.pk}/{query}"))
    wait_until_players(page)


def wait_until_players(page: Page) -> None:
    """Until every film shows a frame and has the studio's own controls."""
    wait_until_films(page, "film.readyState >= 2 && !film.controls")


def expect_frame(page: Page, number: int) -> None:
    """The frame on the screen; the film has 12 a second."""
    expect(page.locator("[data-time]")).to_have_text(f"0:{number / 12:05.2f}")


def test_keys_step_from_frame_to_frame_play_and_stop(ada_page, idle_studio, tmp_path):
    open_film(ada_page, idle_studio, make_playing_film(idle_studio.owner, tmp_path))
    player = ada_page.locator("[data-player]")
    expect_frame(ada_page, 0)
    for key, number in ((".", 1), (".", 2), (",", 1), ("End", 23), (",", 22), ("Home", 0)):
        ada_page.keyboard.press(key)
        expect_frame(ada_page, number)
    ada_page.keyboard.press("Space")
    expect(player).to_have_attribute("data-playing", "")
    expect(player.get_by_role("button", name="Pause")).to_be_visible()
    ada_page.keyboard.press("k")
    expect(player).not_to_have_attribute("data-playing", "")
    ada_page.keyboard.press("m")
    expect(player.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "true")


def test_keys_do_nothing_while_somebody_types_or_holds_another_key(ada_page, idle_studio, tmp_path):
    open_film(ada_page, idle_studio, make_playing_film(idle_studio.owner, tmp_path))
    ada_page.keyboard.press("c")
    second = ada_page.get_by_label("At second")
    second.focus()
    ada_page.keyboard.press("m")
    ada_page.keyboard.press("Control+m")
    mute = ada_page.locator("[data-command=mute]")
    expect(mute).to_have_attribute("aria-pressed", "false")
    ada_page.keyboard.press("?")
    expect(ada_page.locator("#player-keys")).to_be_hidden()


def test_letters_and_brackets_lead_to_the_newer_and_the_older_film(ada_page, idle_studio, tmp_path):
    older, newer = (make_playing_film(idle_studio.owner, tmp_path) for _ in range(2))
    open_film(ada_page, idle_studio, newer)
    for key, film in (("n", older), ("b", newer), ("]", older), ("[", newer)):
        ada_page.keyboard.press(key)
        ada_page.wait_for_url(f"**/films/{film.pk}/**")
        wait_until_players(ada_page)


def test_the_keys_are_named_in_a_dialog(ada_page, idle_studio, tmp_path):
    open_film(ada_page, idle_studio, make_playing_film(idle_studio.owner, tmp_path))
    ada_page.keyboard.press("?")
    dialog = ada_page.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("One frame back or on")
    assert axe_violations(ada_page) == []
    ada_page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_a_frame_that_is_chosen_by_keys_begins_the_next_shot(ada_page, idle_studio, tmp_path):
    film = make_playing_film(idle_studio.owner, tmp_path)
    open_film(ada_page, idle_studio, film)
    for number in (1, 2, 3):
        ada_page.keyboard.press(".")
        expect_frame(ada_page, number)
    ada_page.keyboard.press("c")
    expect(ada_page.get_by_label("At second")).to_have_value("0.250")
    ada_page.get_by_label("Where it goes").select_option("kling-o3-image-to-video:image_start")
    ada_page.get_by_role("button", name="Keep it as a picture").click()
    expect(ada_page.locator("[data-frame-said]")).to_contain_text("0:00.25")
    ada_page.get_by_role("button", name="Make the next shot from it").click()
    expect(ada_page).to_have_url(re.compile(r"/create/kling-o3-image-to-video/"))
    frame = Asset.objects.get(origin="frame")
    expect(ada_page.locator(f"[name=image_start][value='{frame.ref}']")).to_be_attached()
    expect(ada_page.locator("[name=prompt]")).to_have_value(film.prompt)


def test_the_next_shot_continues_from_the_end_in_one_press(ada_page, idle_studio, tmp_path):
    film = make_playing_film(idle_studio.owner, tmp_path)
    ada_page.goto(idle_studio.build_url(f"/create/{VEO}/?show={film.pk}"))
    ada_page.locator("#stage").get_by_role("button", name="Continue from the end").click()
    expect(ada_page).to_have_url(re.compile(rf"/create/{VEO}/\?from={film.pk}&put="))
    frame = Asset.objects.get(origin="frame")
    assert frame.derived_at_second == 2
    expect(ada_page.locator(f"[name=image_urls][value='{frame.ref}']")).to_be_attached()


@pytest.mark.parametrize("shape", [(128, 72), (72, 128), (96, 96)])
def test_the_film_keeps_its_shape_and_what_is_done_with_it_is_in_view(
    browser, idle_studio, tmp_path, shape
):
    width, height = shape
    film = make_playing_film(idle_studio.owner, tmp_path, width=width, height=height)
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    with open_watched_page(context, idle_studio.base_url) as page:
        sign_in(page, idle_studio)
        open_film(page, idle_studio, film)
        box = page.locator("[data-player-video]").bounding_box()
        assert box["width"] / box["height"] == pytest.approx(width / height, rel=0.01)
        assert box["height"] > 400
        for name in ("Play", "Keys", "Full screen"):
            button = page.get_by_role("button", name=name, exact=True)
            expect(button).to_be_in_viewport(ratio=1)
        for role, name in (("link", "Download"), ("link", "Share"), ("button", "More")):
            button = page.locator(".film-buttons").get_by_role(role, name=name, exact=True)
            expect(button).to_be_in_viewport(ratio=1)
    context.close()


def test_a_new_title_stands_above_the_film_at_once(ada_page, idle_studio, tmp_path):
    film = make_playing_film(idle_studio.owner, tmp_path)
    open_film(ada_page, idle_studio, film)
    ada_page.get_by_label("Title").fill("The last shot")
    ada_page.get_by_label("Title").press("Enter")
    expect(ada_page.locator("h1")).to_have_text("The last shot")
    expect(ada_page).to_have_title("The last shot · EvoLink Studio")
    expect(ada_page.locator("#order-panel")).to_contain_text("Saved.")


@pytest.mark.parametrize("width", [1440, 390])
def test_what_is_done_with_a_film_stands_in_even_columns_and_the_rest_in_a_menu(
    ada_page, idle_studio, tmp_path, width
):
    film = make_playing_film(idle_studio.owner, tmp_path)
    ada_page.set_viewport_size({"width": width, "height": 900})
    open_film(ada_page, idle_studio, film)
    buttons = ada_page.locator(".film-buttons")
    expect(buttons.locator("[data-again=loaded]")).to_be_attached()
    shown = buttons.locator(".button:visible")
    boxes = [button.bounding_box() for button in shown.all()]
    assert len({round(box["x"]) for box in boxes}) == 2
    assert all(box["height"] >= 44 for box in boxes)
    names = ("Download", "Continue from the end", "Again", "Share", "More")
    assert [
        name for text in shown.all_inner_texts() for name in names if text.strip().startswith(name)
    ] == list(names)
    buttons.get_by_role("button", name="More").click()
    assert axe_violations(ada_page) == []
    menu = ada_page.locator("#film-more")
    menu.get_by_text("On another model").click()
    expect(menu.locator(".other-models-rows a").first).to_be_visible()
    is_too_wide = ada_page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not is_too_wide
    menu.get_by_role("link", name="Use this frame").click()
    expect(menu).to_be_hidden()
    expect(ada_page.locator("#frame select")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("locale", "width"), [("en-GB", 1440), ("de-DE", 820), ("de-DE", 390)])
def test_film_and_comparison_break_no_rule_and_are_not_too_wide(
    browser, idle_studio, tmp_path, scheme, locale, width
):
    films = [
        make_playing_film(idle_studio.owner, tmp_path, seconds=seconds, prompt=f"Fox {seconds}")
        for seconds in (1, 2)
    ]
    context = browser.new_context(
        viewport={"width": width, "height": 900}, locale=locale, color_scheme=scheme
    )
    with open_watched_page(context, idle_studio.base_url) as page:
        sign_in(page, idle_studio)
        paths = (f"/films/{films[0].pk}/#frame", f"/films/compare/?ids={films[0].pk},{films[1].pk}")
        for path in paths:
            page.goto(idle_studio.build_url(path))
            page.evaluate("document.querySelectorAll('details').forEach((it) => (it.open = true))")
            assert (path, axe_violations(page)) == (path, [])
            assert page.locator("h1").count() == 1
            is_too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
            assert (path, is_too_wide) == (path, False)
    context.close()


def test_compared_films_run_and_stop_together_and_one_is_heard(ada_page, idle_studio, tmp_path):
    films = [make_playing_film(idle_studio.owner, tmp_path, seconds=it) for it in (2, 4)]
    ids = ",".join(str(it.pk) for it in films)
    ada_page.goto(idle_studio.build_url(f"/films/compare/?ids={ids}"))
    wait_until_players(ada_page)
    read = "[...document.querySelectorAll('video')].map((film) => film.%s)"
    assert ada_page.evaluate(read % "muted") == [False, True]
    ada_page.keyboard.press("2")
    assert ada_page.evaluate(read % "muted") == [True, False]
    ada_page.keyboard.press("Space")
    wait_until_films(ada_page, "film.currentTime > 0.5")
    ada_page.keyboard.press("Space")
    expect(ada_page.locator("[data-compare]")).not_to_have_attribute("data-playing", "")
    assert ada_page.evaluate(read % "paused") == [True, True]
    first, second = ada_page.evaluate(read % "currentTime")
    assert first == pytest.approx(second, abs=0.001)
    # The shorter one waits at its last frame for the longer.
    ada_page.keyboard.press("End")
    wait_until_films(ada_page, "film.currentTime > 3.9", "some")
    assert ada_page.evaluate(read % "currentTime")[0] < 2


def test_compared_films_step_by_the_shortest_of_their_frames(ada_page, idle_studio, tmp_path):
    rates = (12, 25)
    films = [make_playing_film(idle_studio.owner, tmp_path, fps=fps) for fps in rates]
    ids = ",".join(str(film.pk) for film in films)
    ada_page.goto(idle_studio.build_url(f"/films/compare/?ids={ids}"))
    wait_until_players(ada_page)
    for key, number in ((".", 1), (".", 2), (".", 3), (",", 2)):
        ada_page.keyboard.press(key)
        wait_until_films(
            ada_page, f"!film.seeking && Math.floor(film.currentTime * 25) === {number}"
        )
    ada_page.keyboard.press("Home")
    wait_until_films(ada_page, "!film.seeking && film.currentTime === 0")


@pytest.mark.parametrize("is_compared", [False, True])
def test_a_film_that_was_quicker_than_its_script_steps_by_its_frames(
    ada_page, idle_studio, tmp_path, is_compared
):
    films = [make_playing_film(idle_studio.owner, tmp_path, fps=fps) for fps in (12, 25)]
    ids = ",".join(str(film.pk) for film in films)
    address = f"/films/compare/?ids={ids}" if is_compared else f"/films/{films[1].pk}/"
    with hold_requests(ada_page, re.compile(r"/frame-clock\.[0-9a-z.]*js")):
        ada_page.goto(idle_studio.build_url(address), wait_until="commit")
        wait_until_films(ada_page, "film.readyState >= 4")
        wait_for_next_frames(ada_page)
    wait_until_players(ada_page)
    ada_page.keyboard.press(".")
    wait_until_films(ada_page, "!film.seeking && Math.floor(film.currentTime * 25) === 1")


def test_a_step_waits_for_the_one_under_way(ada_page, idle_studio, tmp_path):
    films = [make_playing_film(idle_studio.owner, tmp_path, fps=fps) for fps in (12, 25)]
    ids = ",".join(str(film.pk) for film in films)
    addresses = (f"/films/{films[1].pk}/", f"/films/compare/?ids={ids}")
    for address in addresses:
        ada_page.goto(idle_studio.build_url(address))
        wait_until_players(ada_page)
        for _ in range(4):  # the first looks for the length of a frame meanwhile
            ada_page.keyboard.press(".")
        wait_until_films(ada_page, "!film.seeking && Math.floor(film.currentTime * 25) === 4")


def test_the_way_back_leads_to_the_list_as_it_was_left(ada_page, idle_studio, tmp_path):
    film = make_playing_film(idle_studio.owner, tmp_path)
    ada_page.goto(idle_studio.build_url("/films/?of=ended"))
    ada_page.evaluate(f"location.href = '/films/{film.pk}/?in=of%3Dended'")
    ada_page.get_by_role("link", name="Back to the films").click()
    expect(ada_page).to_have_url(idle_studio.build_url("/films/?of=ended"))
    ada_page.go_forward()
    expect(ada_page).to_have_url(re.compile(f"/films/{film.pk}/"))
