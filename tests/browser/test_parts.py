"""What is brought in parts stands in the page as if it had been drawn whole."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from evolink_studio.generations.queries import RECENT_LIMIT
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from tests.browser.conftest import Studio, sign_in, watched
from tests.browser.steps import card, open_model, press, settled, write
from tests.factories import GenerationFactory
from tests.generations.watching import progress

GROK = "grok-imagine-text-to-video"


@pytest.fixture
def desk(browser: Browser, still: Studio) -> Iterator[Page]:
    """A signed-in owner, with no worker but the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    with watched(context, still.address) as page:
        sign_in(page, still)
        yield page
    context.close()


def ids(page: Page, where: str) -> list[str]:
    return page.locator(where).evaluate_all("found => found.map(one => one.id)")


def test_a_bar_moves_and_nothing_else_of_its_card_is_touched(desk, still):
    rows = [
        GenerationFactory(owner=still.owner, state=State.RUNNING, created_at=timezone.now())
        for _ in range(2)
    ]
    open_model(desk, still, GROK)
    for one in ("#stage article", "#rail article"):
        desk.evaluate("one => { document.querySelector(one).dataset.mine = 'yes'; }", one)
    for row in rows:
        progress(row, 40)
    for where in ("#stage", "#rail"):
        expect(desk.locator(f"{where} progress")).to_have_attribute("aria-valuenow", "40")
    expect(desk.locator("#stage .progress-ring-number")).to_have_text("40")
    expect(desk.locator("article[data-mine]")).to_have_count(2)
    progress(rows[0], 50)
    expect(desk.locator("#main progress[aria-valuenow='50']")).to_have_count(1)
    expect(desk.locator("article[data-mine]")).to_have_count(2)
    transition(rows[0], State.SAVING, now=timezone.now())
    expect(desk.locator("[data-status=saving]")).to_have_count(1)
    expect(desk.locator("article[data-mine]")).to_have_count(1)


def test_after_presses_the_desk_is_as_a_fresh_page_shows_it(desk, still):
    begin = timezone.now() - timedelta(hours=1)
    for minute in range(RECENT_LIMIT + 2):
        at = begin + timedelta(minutes=minute)
        GenerationFactory(owner=still.owner, state=State.FAILED, created_at=at)
    open_model(desk, still, GROK)
    for prompt in ("The first", "The second", "The third"):
        write(desk, prompt)
        press(desk)
        expect(card(desk)).to_contain_text(prompt)
        expect(desk.locator("#rail-list > article")).to_have_count(RECENT_LIMIT - 1)
    settled(desk)
    laid = ids(desk, "#stage article"), ids(desk, "#rail-list > article")
    everything = ids(desk, "[data-generation]")
    assert len(everything) == len(set(everything)) == RECENT_LIMIT
    desk.reload()
    assert (ids(desk, "#stage article"), ids(desk, "#rail-list > article")) == laid
