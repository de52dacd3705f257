"""Fragments leave the page as if it had been rendered whole."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from evolink_studio.generations.queries import RECENT_LIMIT
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from tests.browser.conftest import LiveStudio, open_watched_page, sign_in
from tests.browser.steps import (
    fill_prompt,
    open_model,
    press_generate,
    selected_card,
    wait_until_idle,
)
from tests.factories import GenerationFactory
from tests.generations.live_pages import record_progress

GROK = "grok-imagine-text-to-video"


@pytest.fixture
def owner_page(browser: Browser, idle_studio: LiveStudio) -> Iterator[Page]:
    """A signed-in owner, with no worker but the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    with open_watched_page(context, idle_studio.base_url) as page:
        sign_in(page, idle_studio)
        yield page
    context.close()


def element_ids(page: Page, selector: str) -> list[str]:
    return page.locator(selector).evaluate_all("found => found.map(one => one.id)")


def test_a_bar_moves_and_nothing_else_of_its_card_is_touched(owner_page, idle_studio):
    rows = [
        GenerationFactory(owner=idle_studio.owner, state=State.RUNNING, created_at=timezone.now())
        for _ in range(2)
    ]
    open_model(owner_page, idle_studio, GROK)
    for selector in ("#stage article", "#rail article"):
        owner_page.evaluate(
            "one => { document.querySelector(one).dataset.mine = 'yes'; }", selector
        )
    for row in rows:
        record_progress(row, 40)
    for region in ("#stage", "#rail"):
        expect(owner_page.locator(f"{region} progress")).to_have_attribute("aria-valuenow", "40")
    expect(owner_page.locator("#stage .progress-ring-number")).to_have_text("40")
    expect(owner_page.locator("article[data-mine]")).to_have_count(2)
    record_progress(rows[0], 50)
    expect(owner_page.locator("#main progress[aria-valuenow='50']")).to_have_count(1)
    expect(owner_page.locator("article[data-mine]")).to_have_count(2)
    transition(rows[0], State.SAVING, now=timezone.now())
    expect(owner_page.locator("[data-status=saving]")).to_have_count(1)
    expect(owner_page.locator("article[data-mine]")).to_have_count(1)


def test_after_presses_the_workspace_is_as_a_fresh_page_shows_it(owner_page, idle_studio):
    begin = timezone.now() - timedelta(hours=1)
    for minute in range(RECENT_LIMIT + 2):
        at = begin + timedelta(minutes=minute)
        GenerationFactory(owner=idle_studio.owner, state=State.FAILED, created_at=at)
    open_model(owner_page, idle_studio, GROK)
    for number, prompt in enumerate(("The first", "The second", "The third")):
        fill_prompt(owner_page, prompt)
        press_generate(owner_page)
        expect(selected_card(owner_page)).to_contain_text(prompt)
        expect(owner_page.locator("#rail-list > article")).to_have_count(RECENT_LIMIT + number)
    wait_until_idle(owner_page)
    order = (
        element_ids(owner_page, "#stage article"),
        element_ids(owner_page, "#rail-list > article"),
    )
    all_ids = element_ids(owner_page, "[data-generation]")
    assert len(all_ids) == len(set(all_ids)) == RECENT_LIMIT + 3
    owner_page.reload()
    assert (
        element_ids(owner_page, "#stage article"),
        element_ids(owner_page, "#rail-list > article"),
    ) == order
