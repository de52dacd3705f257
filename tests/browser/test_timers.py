"""What a page does by itself: it counts where something counts, and rests where nothing does."""

import pytest
from playwright.sync_api import expect

from tests.browser.states import create_generation_as, get_expected_card, open_generation
from tests.browser.steps import open_model
from tests.factories import VEO

COUNT_TIMEOUTS = """() => {
  window.timeoutCount = 0;
  const { setTimeout } = window;
  window.setTimeout = (...given) => { window.timeoutCount += 1; return setTimeout(...given); };
}"""


@pytest.fixture
def clocked_page(ada_page):
    ada_page.clock.install()
    return ada_page


def count_timeouts(page) -> int:
    """How often the page sets itself a timer within ten seconds."""
    page.evaluate(COUNT_TIMEOUTS)
    page.clock.run_for(10_000)
    return page.evaluate("window.timeoutCount")


def test_a_page_where_nothing_counts_sets_no_timer(clocked_page, idle_studio, tmp_path):
    film = create_generation_as(idle_studio, get_expected_card("done"), tmp_path)
    clocked_page.goto(idle_studio.build_url("/films/"))
    assert count_timeouts(clocked_page) == 0
    open_generation(clocked_page, idle_studio, film)
    clocked_page.wait_for_load_state("networkidle")  # the prices of making it again came
    assert count_timeouts(clocked_page) == 0


def test_a_clock_counts_while_its_generation_is_made(clocked_page, idle_studio, tmp_path):
    open_model(clocked_page, idle_studio, VEO)
    generation = create_generation_as(idle_studio, get_expected_card("accepted"), tmp_path)
    open_generation(clocked_page, idle_studio, generation)
    clock = clocked_page.locator("#stage [data-started]")
    before = clock.inner_text()
    assert count_timeouts(clocked_page) >= 9
    expect(clock).not_to_have_text(before)
