"""A cut in the browser: points from the player, the order, and the film that it becomes."""

import pytest
from playwright.sync_api import expect

from evolink_studio.films.models import Cut
from tests.browser.conftest import open_watched_page, sign_in
from tests.browser.steps import axe_violations, wait_until
from tests.sample_films import make_clip, make_film


@pytest.fixture
def films(studio):
    return [
        make_film(
            studio.owner, clip=make_clip(studio.owner, seconds=3, width=320, height=180), title=name
        )
        for name in ("The hero shot", "The waves")
    ]


@pytest.mark.parametrize("width", [1440, 390])
def test_films_are_put_in_order_with_points_from_the_player_and_become_a_film(
    browser, studio, films, width
):
    context = browser.new_context(viewport={"width": width, "height": 844})
    with open_watched_page(context, studio.base_url) as page:
        sign_in(page, studio)
        page.goto(studio.build_url(f"/cuts/new/?ids={films[0].pk},{films[1].pk}"))
        assert axe_violations(page) == []
        total = page.locator("[data-total]")
        expect(total).to_have_text("0:06.0")

        page.locator("[data-part]").nth(1).locator("[data-choose]").click()
        wait_until(page, "document.querySelector('.cut-player video').readyState > 0")
        page.evaluate("document.querySelector('.cut-player video').currentTime = 1.5")
        page.click("[data-set=begin]")
        expect(page.locator("[data-part]").nth(1).locator("[name=begin]")).to_have_value("1.5")
        expect(total).to_have_text("0:04.5")

        up = page.locator("[data-part]").nth(1).locator("[data-move=up]")
        up.focus()
        page.keyboard.press("Enter")
        expect(page.locator("[data-part]").first).to_have_attribute("data-title", "The waves")
        expect(page.locator("#announcer")).to_have_text("The waves: now part 1 of 2.")
        page.locator("[data-part]").first.locator("[data-move=copy]").click()
        expect(page.locator("[data-part]")).to_have_count(3)
        expect(page.locator("[data-part]").nth(1).locator("[name=begin]")).to_have_value("1.5")
        page.locator("[data-part]").nth(1).locator("[data-move=remove]").click()
        expect(page.locator("[data-part]")).to_have_count(2)

        page.fill("[name=title]", "Trailer")
        page.click(".cut-finish [value=make]")
        row = page.locator(".cut-row")
        expect(row).to_contain_text("Trailer")
        assert axe_violations(page) == []
        expect(row).to_have_attribute("data-state", "ready")
        expect(page.locator("#cut-list[hx-trigger]")).to_have_count(0)
        row.locator("h2 a").click()
        expect(page.locator("h1")).to_be_visible()
        is_too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not is_too_wide

        page.get_by_role("link", name="Change this cut").click()
        parts = page.locator("[data-part]")
        expect(parts.first).to_have_attribute("data-title", "The waves")
        expect(parts.first.locator("[name=begin]")).to_have_value("1.5")
        expect(parts.nth(1).locator("[name=end]")).to_have_value("")
        expect(page.locator("[name=title]")).to_have_value("Trailer")
        expect(page.locator("[data-total]")).to_have_text("0:04.5")
        assert axe_violations(page) == []
    context.close()
    cut = Cut.objects.get()
    assert float(cut.generation.results.get().asset.seconds) == pytest.approx(4.5, abs=0.15)


def test_a_wrong_time_is_said_at_its_field_and_the_rest_stays(browser, studio, films):
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="de-DE")
    with open_watched_page(context, studio.base_url) as page:
        sign_in(page, studio)
        page.goto(studio.build_url(f"/cuts/new/?ids={films[0].pk}"))
        page.fill("[name=title]", "Bleibt")
        page.fill("[name=begin]", "2.95")
        page.click(".cut-finish [value=make]")
        expect(page.locator("[name=end]")).to_have_attribute("aria-invalid", "true")
        expect(page.locator("[name=begin]")).to_have_value("2.95")
        expect(page.locator("[name=title]")).to_have_value("Bleibt")
        assert axe_violations(page) == []
    context.close()
    assert not Cut.objects.exists()


def test_the_whole_cut_plays_from_part_to_part(browser, studio, films):
    context = browser.new_context(viewport={"width": 1440, "height": 844})
    with open_watched_page(context, studio.base_url) as page:
        sign_in(page, studio)
        page.goto(studio.build_url(f"/cuts/new/?ids={films[0].pk},{films[1].pk}"))
        for number in (0, 1):
            page.locator("[data-part]").nth(number).locator("[name=end]").fill("0.5")
        page.evaluate("document.querySelector('.cut-player video').muted = true")
        page.click("[data-play-cut]")
        expect(page.locator("[data-part]").nth(1)).to_have_attribute("aria-current", "true")
        expect(page.locator("[data-play-cut]")).to_have_text("Play the whole cut")
        wait_until(page, "document.querySelector('.cut-player video').paused")
    context.close()
