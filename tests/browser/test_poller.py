"""When an open page asks what changed: as the server says, and when somebody looks at it again.

The page's clock is moved by the test.
"""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from tests.browser.steps import open_model
from tests.factories import GenerationFactory
from tests.generations.live_pages import create_running_generation

GROK = "grok-imagine-text-to-video"
OFFLINE_TEXT = "#page-alert"


@pytest.fixture
def polls(ada_page) -> list[str]:
    """The addresses that the page asked so far."""
    asked: list[str] = []
    ada_page.clock.install()
    ada_page.on("request", lambda request: "/live/" in request.url and asked.append(request.url))
    return asked


@pytest.fixture
def generation(idle_studio) -> Generation:
    """At the far end; the worker looks at it in an hour, so that pages ask every 15 s."""
    generation = create_running_generation(idle_studio.owner)
    due_at = timezone.now() + timedelta(hours=1)
    Generation.objects.filter(pk=generation.pk).update(next_attempt_at=due_at)
    return generation


def pass_time(page, seconds):
    """And let the page have its answers."""
    page.clock.run_for(seconds * 1000)
    page.wait_for_load_state("networkidle")


def set_hidden(page, is_hidden):
    page.evaluate(
        "value => { Object.defineProperty(document, 'hidden', { value, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        is_hidden,
    )


def test_a_page_asks_when_the_server_says_so(ada_page, idle_studio, generation, polls):
    open_model(ada_page, idle_studio, GROK)
    pass_time(ada_page, 8)
    assert len(polls) == 0
    for count in (1, 2):  # it was said with the page; then with an empty answer
        with ada_page.expect_response(lambda response: response.status == 204):
            pass_time(ada_page, 17)
        assert len(polls) == count


def test_it_stops_when_nothing_runs_and_goes_on_when_something_does(
    ada_page, idle_studio, generation, polls
):
    open_model(ada_page, idle_studio, GROK)
    transition(generation, State.FAILED, now=timezone.now())
    pass_time(ada_page, 17)
    expect(ada_page.locator("[data-status=failed]")).to_have_count(1)
    expect(ada_page.locator("#poller[hx-get]")).to_have_count(0)
    assert len(polls) == 1
    pass_time(ada_page, 3600)
    assert len(polls) == 1

    create_running_generation(idle_studio.owner)
    ada_page.evaluate("dispatchEvent(new Event('focus'))")
    expect(ada_page.locator("#poller[hx-get]")).to_have_count(1)
    with ada_page.expect_request("**/live/**"):
        pass_time(ada_page, 17)


def test_a_hidden_page_asks_seldom_and_at_once_when_it_is_seen(
    ada_page, idle_studio, generation, polls
):
    open_model(ada_page, idle_studio, GROK)
    set_hidden(ada_page, True)
    for _ in range(2):
        before = len(polls)
        with ada_page.expect_response("**/live/**"):
            pass_time(ada_page, 31)
        assert len(polls) == before + 1
    before = len(polls)
    transition(generation, State.SAVING, now=timezone.now())
    set_hidden(ada_page, False)
    expect(ada_page.locator("[data-status=saving]")).to_have_count(1)
    assert len(polls) == before + 1


def test_a_hidden_page_on_which_nothing_runs_asks_nothing(ada_page, idle_studio, polls):
    open_model(ada_page, idle_studio, GROK)
    set_hidden(ada_page, True)
    pass_time(ada_page, 3600)
    assert polls == []


@pytest.mark.parametrize(
    "event", ["new Event('focus')", "new PageTransitionEvent('pageshow', { persisted: true })"]
)
def test_who_comes_back_to_an_idle_page_sees_what_another_device_started(
    ada_page, idle_studio, polls, event
):
    open_model(ada_page, idle_studio, GROK)
    create_running_generation(idle_studio.owner, created_version=1)
    pass_time(ada_page, 3600)
    assert len(polls) == 0
    ada_page.evaluate(f"dispatchEvent({event})")
    expect(ada_page.locator("[data-status=running]")).to_have_count(1)


def test_a_poll_that_failed_is_repeated(ada_page, idle_studio, generation):
    page = ada_page.context.new_page()  # one that may report failures
    page.clock.install()
    open_model(page, idle_studio, GROK)
    page.route("**/live/**", lambda route: route.abort())
    pass_time(page, 17)
    expect(page.locator(OFFLINE_TEXT)).to_be_visible()
    page.unroute("**/live/**")
    with page.expect_response(lambda response: response.status == 204):
        pass_time(page, 7)
    expect(page.locator(OFFLINE_TEXT)).to_be_hidden()
    page.close()


def test_what_is_done_to_a_card_is_followed_by_a_look(ada_page, idle_studio, generation, polls):
    """It may have changed the credits, or other cards."""
    queued_generation = GenerationFactory(owner=idle_studio.owner, state=State.QUEUED)
    due_at = timezone.now() + timedelta(hours=1)
    Generation.objects.filter(pk=queued_generation.pk).update(next_attempt_at=due_at)
    open_model(ada_page, idle_studio, GROK)
    with ada_page.expect_request("**/live/**"):
        ada_page.get_by_role("button", name="Cancel").first.click()
    expect(ada_page.locator("[data-status=cancelled]")).to_have_count(1)
