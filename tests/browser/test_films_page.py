"""The films page under the pointer, on a phone and with filters: what only a browser shows."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from tests.browser.conftest import LiveStudio, open_watched_page, sign_in
from tests.browser.states import create_generation_as, get_expected_card
from tests.browser.steps import axe_violations
from tests.factories import NOW, GenerationFactory


@pytest.fixture
def film(idle_studio, tmp_path) -> Generation:
    film = create_generation_as(idle_studio, get_expected_card("done"), tmp_path)
    Generation.objects.filter(pk=film.pk).update(starred_at=NOW, ratio="16:9", seconds=5)
    return film


def test_a_film_plays_under_the_pointer_and_one_at_a_time(ada_page, idle_studio, film, tmp_path):
    other = create_generation_as(idle_studio, get_expected_card("done"), tmp_path)
    ada_page.goto(idle_studio.build_url("/films/"))
    videos = ada_page.locator("video")
    expect(videos).to_have_count(0)
    for row in (film, other):
        ada_page.locator(f"#film-{row.pk}").hover()
        expect(ada_page.locator(f"#film-{row.pk} video")).to_have_count(1)
        expect(videos).to_have_count(1)
    assert videos.evaluate("video => video.muted")
    ada_page.locator("h1").hover()
    expect(videos).to_have_count(0)


def test_no_film_plays_for_somebody_who_wants_less_motion(ada_page, idle_studio, film):
    ada_page.emulate_media(reduced_motion="reduce")
    ada_page.clock.install()
    ada_page.goto(idle_studio.build_url("/films/"))
    ada_page.locator(f"#film-{film.pk}").hover()
    ada_page.clock.fast_forward(2000)
    expect(ada_page.locator("video")).to_have_count(0)


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_filters_are_chosen_in_a_panel_and_taken_away_as_chips(
    ada_page, idle_studio, film, tmp_path, width, height
):
    create_generation_as(idle_studio, get_expected_card("done"), tmp_path)
    ada_page.set_viewport_size({"width": width, "height": height})
    ada_page.goto(idle_studio.build_url("/films/"))
    tiles = ada_page.locator("article[data-generation]")
    expect(tiles).to_have_count(2)
    ada_page.get_by_role("button", name="Filters").click()
    panel = ada_page.get_by_role("dialog", name="Filters")
    expect(panel).to_be_visible()
    expect(panel.get_by_role("button", name="Show")).to_contain_text("2 films")
    panel.get_by_label("Starred").check()
    expect(panel.get_by_role("button", name="Show")).to_contain_text("1 film")
    assert axe_violations(ada_page) == []
    if width < 500:
        box = panel.bounding_box()
        assert box["y"] + box["height"] == height
        assert panel.get_by_role("button", name="Show").bounding_box()["height"] >= 44
    panel.get_by_role("button", name="Show").click()
    expect(tiles).to_have_count(1)
    assert ada_page.url.endswith("/films/?starred=1")
    ada_page.get_by_role("button", name="Save this view").click()
    ada_page.get_by_role("dialog", name="Save this view").get_by_label("Name").fill("Best of")
    ada_page.get_by_role("button", name="Save", exact=True).click()
    expect(ada_page.get_by_role("link", name="Best of")).to_have_attribute("aria-current", "true")
    assert axe_violations(ada_page) == []
    ada_page.locator(".film-chip").click()
    expect(tiles).to_have_count(2)
    ada_page.get_by_role("link", name="Best of").click()
    expect(tiles).to_have_count(1)


def test_an_empty_list_offers_to_leave_out_the_filter_to_blame(ada_page, idle_studio, film):
    ada_page.goto(idle_studio.build_url("/films/?starred=1&q=zebra"))
    assert axe_violations(ada_page) == []
    ada_page.get_by_role("link", name="Without “zebra”: 1 film").click()
    expect(ada_page.locator(f"#film-{film.pk}")).to_be_visible()
    assert ada_page.locator("h2").first.inner_text()


def test_times_are_those_of_the_clock_of_the_device(browser, studio: LiveStudio) -> None:
    made_at = datetime(2026, 1, 14, 23, 30, tzinfo=UTC)
    GenerationFactory(owner=studio.owner, state=State.COMPLETED, created_at=made_at)
    context = browser.new_context(timezone_id="Asia/Kolkata")
    with open_watched_page(context, studio.base_url) as page:
        sign_in(page, studio)
        page.goto(studio.build_url("/films/"))
        expect(page.locator(".film-day")).to_have_text("Thursday, Jan. 15, 2026")
        expect(page.locator(".film-info time")).to_have_text("05:00")
    context.close()
