"""Stop watching: it leaves the desk, the work and the money go on, and nothing is lost."""

from datetime import timedelta

import pytest

from evolink_studio.generations.models import Generation
from evolink_studio.generations.services import DISMISSIBLE_STATES, dismiss, restore
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from tests.factories import NOW, VEO, GenerationFactory
from tests.generations.conftest import fresh
from tests.generations.pressing import HTMX
from tests.page import Page, words

pytestmark = pytest.mark.django_db

UNTOUCHED = ("state", "charge", "due", "claim", "moved", "attempts", "reserved", "used")


def facts(generation: Generation) -> dict[str, object]:
    return Generation.objects.values(*UNTOUCHED).get(pk=generation.pk)


def leave(tab, generation, **how):
    return tab.post(f"/generations/{generation.pk}/put-away/", **how)


def come_back(tab, generation, **how):
    return tab.post(f"/generations/{generation.pk}/watch-again/", **how)


def desk(tab) -> Page:
    return Page(tab.get(f"/create/{VEO}/"))


def asks(page: Page) -> str | None:
    """Where the page's poller asks; None when it does not."""
    return page.one("*[@id='poller']").get("hx-get")


# --- the service ------------------------------------------------------------------------------


@pytest.mark.parametrize("state", State)
def test_only_what_was_sent_and_is_not_over_can_be_put_away(ada, state):
    generation = GenerationFactory(owner=ada, state=state, next_attempt_at=NOW)
    before = facts(generation)
    assert dismiss(generation=generation, now=NOW) is (state in DISMISSIBLE_STATES)
    assert (fresh(generation).dismissed_at == NOW) is (state in DISMISSIBLE_STATES)
    assert facts(generation) == before


def test_what_is_put_away_twice_keeps_its_first_moment(ada):
    generation = GenerationFactory(owner=ada, state=State.RUNNING)
    assert dismiss(generation=generation, now=NOW)
    assert not dismiss(generation=generation, now=NOW + timedelta(hours=1))
    assert fresh(generation).dismissed_at == NOW
    assert restore(generation=generation)
    assert not restore(generation=generation)
    assert fresh(generation).dismissed_at is None


def test_both_are_news_for_the_other_tabs(ada):
    generation = GenerationFactory(owner=ada, state=State.RUNNING)
    versions = [fresh(generation).changed_version]
    dismiss(generation=generation, now=NOW)
    versions.append(fresh(generation).changed_version)
    restore(generation=generation)
    versions.append(fresh(generation).changed_version)
    assert versions == sorted(set(versions))


def test_the_worker_follows_it_and_settles_it_all_the_same(far, worker, ada):
    generation = GenerationFactory(owner=ada)
    worker.send()
    assert dismiss(generation=fresh(generation), now=NOW)
    far.finish(fresh(generation).task_id, f"{far.url}/film")
    assert worker.look(generation).state == State.SAVING
    assert generation.charge == "charged"
    assert far.paid == 1


# --- the page ---------------------------------------------------------------------------------


@pytest.mark.parametrize("staged", ["", "1"])
def test_the_card_says_what_goes_on_and_offers_the_way_back(tab, ada, staged):
    generation = GenerationFactory(owner=ada, state=State.RUNNING)
    page = Page(leave(tab, generation, data={"staged": staged}, headers=HTMX))
    said = words(page.card(generation.pk))
    assert "You stopped watching this. EvoLink goes on, and 25.7 credits stay reserved." in said
    assert "it will be in your films" in said
    assert "Watch again" in said
    assert "Stop watching" not in said
    assert page.all("progress") == []


def test_it_leaves_the_desk_and_no_longer_keeps_the_poller_running(tab, ada):
    other = GenerationFactory(owner=ada, state=State.COMPLETED, created_at=NOW - timedelta(hours=1))
    generation = GenerationFactory(owner=ada, state=State.RUNNING)
    assert asks(desk(tab))
    leave(tab, generation)
    page = desk(tab)
    assert page.cards() == {other.pk: "completed"}
    assert asks(page) is None


def test_the_poller_of_an_open_page_hears_of_it_and_stops(tab, ada):
    generation = GenerationFactory(owner=ada, state=State.RUNNING)
    address = asks(desk(tab))
    leave(tab, generation)
    page = Page(tab.get(address, headers=HTMX))
    assert asks(page) is None
    assert "You stopped watching this." in words(page.card(generation.pk))


def test_without_scripts_a_line_says_it(tab, ada):
    generation = GenerationFactory(owner=ada, state=State.RUNNING)
    page = Page(leave(tab, generation, follow=True))
    assert page.cards() == {}
    assert "EvoLink goes on, and 25.7 credits stay reserved." in page.text


def test_watching_again_puts_it_on_the_stage_and_asks_for_news(tab, ada):
    generation = GenerationFactory(owner=ada, state=State.RUNNING, dismissed_at=NOW)
    page = Page(come_back(tab, generation, headers=HTMX))
    assert page.cards() == {generation.pk: "running"}
    assert "Stop watching" in words(page.card(generation.pk))
    assert asks(page)
    page = Page(come_back(tab, generation, follow=True))
    assert page.cards() == {generation.pk: "running"}


def test_what_was_put_away_can_still_be_opened(tab, ada):
    generation = GenerationFactory(owner=ada, state=State.RUNNING, dismissed_at=NOW)
    page = Page(tab.get(f"/create/{VEO}/?show={generation.pk}"))
    assert "Watch again" in words(page.card(generation.pk))
    assert asks(page) is None


def test_too_late_the_card_says_how_it_ended(tab, ada):
    generation = GenerationFactory(owner=ada, state=State.RUNNING)
    transition(generation, State.FAILED, now=NOW, error_code="service_error")
    page = Page(leave(tab, generation, headers=HTMX))
    assert page.cards() == {generation.pk: "failed"}
    assert fresh(generation).dismissed_at is None


@pytest.mark.parametrize(("do", "stands"), [(leave, None), (come_back, NOW)])
def test_nobody_does_it_to_the_work_of_others(tab, eve, do, stands):
    theirs = GenerationFactory(owner=eve, state=State.RUNNING, dismissed_at=stands)
    assert do(tab, theirs).status_code == 404
    assert fresh(theirs).dismissed_at == stands


def test_its_film_stands_among_the_films_when_it_is_made(tab, ada):
    GenerationFactory(owner=ada, state=State.RUNNING, dismissed_at=NOW)
    assert "not watched" in Page(tab.get("/films/?of=making")).text
    Generation.objects.update(state=State.COMPLETED, finished_at=NOW, next_attempt_at=None)
    assert len(Page(tab.get("/films/")).all("article")) == 1
