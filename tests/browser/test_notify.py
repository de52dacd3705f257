"""What the create page tells while nobody looks at it: title, icon, notification, sound."""

from datetime import UTC, datetime, time

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from evolink_studio.notifications.services import set_notifications
from tests.browser.conftest import LiveStudio
from tests.browser.steps import open_model
from tests.generations.live_pages import create_running_generation

GROK = "grok-imagine-text-to-video"
# What the browser was asked to show and to play.
RECORD_CALLS = """
window.told = [];
window.Notification = class {
  static permission = "granted";
  constructor(title, options) { told.push([title, options.body]); }
  addEventListener() {}
};
window.OscillatorNode = class {
  constructor() { told.push("tone"); }
  connect() {}
  start() {}
  stop() {}
};
"""


def let_end(page: Page, generation: Generation, state: State) -> None:
    """While the page is in the background."""
    page.evaluate("Object.defineProperty(document, 'hasFocus', { value: () => false })")
    assert transition(generation, state, now=timezone.now())
    page.evaluate("dispatchEvent(new Event('pageshow'))")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(f"[data-generation='{generation.pk}'][data-status={state}]")).to_have_count(
        1
    )


def expect_calls(page: Page, count: int) -> None:
    """The policy of the page forbids Playwright's own waiting for an expression."""
    for _ in range(100):
        if page.evaluate("told.length") == count:
            return
        page.wait_for_timeout(50)
    raise AssertionError(page.evaluate("told"))


def choose(studio: LiveStudio, **chosen: object) -> None:
    values = {
        "in_browser": False,
        "with_sound": False,
        "by_mail": False,
        "webhook_url": "",
        "quiet_from": None,
        "quiet_until": None,
        "time_zone": "UTC",
    }
    set_notifications(owner=studio.owner, **{**values, **chosen})


def test_the_title_counts_what_is_on_its_way_and_how_far_it_is(ada_page, idle_studio):
    for progress in (50, 74):
        generation = create_running_generation(idle_studio.owner)
        Generation.objects.filter(pk=generation.pk).update(progress=progress)
    open_model(ada_page, idle_studio, GROK)
    expect(ada_page).to_have_title("(2) 62 % · Create · EvoLink Studio")
    expect(ada_page.locator("#live-count")).to_have_text("2")


def test_what_ends_in_the_background_is_told_as_the_person_chose(ada_page, idle_studio):
    choose(idle_studio, in_browser=True, with_sound=True)
    generation = create_running_generation(idle_studio.owner)
    ada_page.add_init_script(RECORD_CALLS)
    open_model(ada_page, idle_studio, GROK)
    let_end(ada_page, generation, State.FAILED)
    expect_calls(ada_page, 3)
    assert ada_page.evaluate("told.filter((call) => call === 'tone').length") == 2
    assert ada_page.evaluate("told.find((call) => call !== 'tone')[0]") == "Failed"
    icon = ada_page.locator("link[rel=icon]")
    expect(icon).to_have_attribute("href", "/static/favicon-news.svg")
    ada_page.evaluate("dispatchEvent(new Event('focus'))")
    expect(icon).to_have_attribute("href", "/static/favicon.svg")


def test_without_a_wish_and_in_quiet_hours_only_the_icon_tells(ada_page, idle_studio):
    hour = datetime.now(UTC).hour
    choose(
        idle_studio,
        in_browser=True,
        with_sound=True,
        quiet_from=time(hour),
        quiet_until=time((hour + 2) % 24),
    )
    generation = create_running_generation(idle_studio.owner)
    ada_page.add_init_script(RECORD_CALLS)
    open_model(ada_page, idle_studio, GROK)
    with ada_page.expect_response("**/account/notifications/device/"):
        let_end(ada_page, generation, State.FAILED)
    expect(ada_page.locator("link[rel=icon]")).to_have_attribute("href", "/static/favicon-news.svg")
    assert ada_page.evaluate("told") == []


@pytest.mark.parametrize("width", [1440, 390])
def test_the_palette_leads_to_pages_models_and_films(ada_page, idle_studio, width):
    ada_page.set_viewport_size({"width": width, "height": 844})
    open_model(ada_page, idle_studio, GROK)
    ada_page.keyboard.press("Control+k")
    palette = ada_page.get_by_role("dialog", name="Commands")
    field = palette.get_by_role("combobox")
    field.fill("seedance")
    expect(palette.get_by_role("option")).to_have_count(2)  # the model, and the search of films
    field.press("Enter")
    ada_page.wait_for_url("**/create/doubao-seedance-1.0-pro-fast/")

    ada_page.keyboard.press("Control+k")
    field.fill("cat piano")
    expect(palette.get_by_role("option")).to_have_count(1)
    field.press("Enter")
    ada_page.wait_for_url("**/films/?q=cat%20piano")


def test_a_question_mark_shows_the_keys_but_not_while_typing(ada_page, idle_studio):
    open_model(ada_page, idle_studio, GROK)
    keys = ada_page.get_by_role("dialog", name="Keys")
    ada_page.locator("[name=prompt]").press("?")
    expect(ada_page.locator("[name=prompt]")).to_have_value("?")
    expect(keys).to_be_hidden()
    ada_page.locator("h1").first.evaluate("() => document.activeElement.blur()")
    ada_page.keyboard.press("?")
    expect(keys).to_be_visible()
    ada_page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
