"""While only a bar moves, the bar is brought and not its card: to the pages that show it steady."""

from datetime import timedelta

import pytest
import time_machine

from evolink_studio.generations.models import Generation
from evolink_studio.generations.presenters.cards import present_card, present_progress
from evolink_studio.generations.services import dismiss, record_heartbeat, restore
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from tests.factories import NOW, GenerationFactory
from tests.generations.watching import bars, opened, poll, poller, progress, running
from tests.page import Page

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def noon():
    """The worker is there, and it is noon."""
    with time_machine.travel(NOW, tick=False) as clock:
        record_heartbeat(worker="here", disk_free_bytes=10**12, now=NOW)
        yield clock


def stalled(generation: Generation, since) -> None:
    """As the worker writes it down, and takes it back with None."""
    generation.refresh_from_db()
    Generation.objects.filter(pk=generation.pk).update(stalled_since=since)
    progress(generation, generation.progress)


def test_a_bar_comes_alone_and_says_how_far_it_is(tab, ada):
    rail, staged = running(ada), running(ada)
    page = opened(tab, f"?show={staged.pk}")
    assert sorted(bars(page)) == [rail.pk, staged.pk]
    for generation in (rail, staged):
        progress(generation, 40)
    news = Page(poll(tab, poller(page), bars(page)))
    assert news.cards() == {}
    for generation in (rail, staged):
        (line,) = news.all(f"div[@id='progress-bar-{generation.pk}']")
        assert line.get("hx-swap-oob") == "morph"
        assert line.find(".//progress").get("aria-valuenow") == "40"
    (leader,) = news.all("svg[@class='progress-ring']")
    assert (leader.get("id"), leader.get("hx-swap-oob")) == (f"progress-ring-{staged.pk}", "morph")
    assert sorted(bars(news)) == [rail.pk, staged.pk]
    assert poll(tab, poller(news), bars(news)).status_code == 204


def test_what_a_bar_replaces_stands_on_the_page_once(tab, ada):
    staged, rail = running(ada), running(ada)
    page = opened(tab, f"?show={staged.pk}")
    for generation in (staged, rail):
        assert page.one(f"*[@id='progress-bar-{generation.pk}']").get("hx-swap-oob") is None
    assert page.one(f"*[@id='progress-ring-{staged.pk}']").get("hx-swap-oob") is None


def test_a_page_that_does_not_show_the_bar_is_brought_the_card(tab, ada):
    generation, other = running(ada), running(ada)
    address = poller(opened(tab))
    progress(generation, 40)
    assert Page(poll(tab, address)).cards() == {generation.pk: "running"}
    assert Page(poll(tab, address, [other.pk])).cards() == {generation.pk: "running"}


@pytest.mark.parametrize("known", ["", "x", "-1", "9" * 40, "٣"])
def test_a_bar_that_makes_no_sense_is_no_bar(tab, ada, known):
    generation = running(ada)
    address = poller(opened(tab))
    progress(generation, 40)
    assert Page(poll(tab, address, [known])).cards() == {generation.pk: "running"}


def test_the_bars_of_others_bring_nothing_of_them(tab, ada, eve):
    running(ada)
    theirs = running(eve)
    address = poller(opened(tab))
    progress(theirs, 40)
    assert poll(tab, address, [theirs.pk]).status_code == 204


@pytest.mark.parametrize("to", [State.SAVING, State.FAILED])
def test_what_moves_on_is_brought_as_a_card(tab, ada, to):
    generation = running(ada)
    page = opened(tab)
    transition(generation, to, now=NOW)
    news = Page(poll(tab, poller(page), bars(page)))
    assert news.cards() == {generation.pk: to.value}
    assert bars(news) == []


def test_a_card_without_news_comes_whole_and_comes_whole_again_when_there_are_some(tab, ada):
    generation = running(ada)
    page = opened(tab)
    stalled(generation, NOW)
    quiet = Page(poll(tab, poller(page), bars(page)))
    assert quiet.card(generation.pk).get("data-stalled") is not None
    assert bars(quiet) == []
    stalled(generation, None)
    again = Page(poll(tab, poller(quiet), bars(quiet)))
    assert again.card(generation.pk).get("data-stalled") is None
    assert bars(again) == [generation.pk]


def test_what_was_put_away_comes_whole_when_it_comes_back(tab, ada):
    generation, _other = running(ada), running(ada)
    page = opened(tab)
    dismiss(generation=generation, now=NOW)
    away = Page(poll(tab, poller(page), bars(page)))
    assert away.cards() == {generation.pk: "running"}
    assert generation.pk not in bars(away)
    restore(generation=generation)
    back = Page(poll(tab, poller(away), bars(away)))
    assert back.cards() == {generation.pk: "running"}
    assert bars(back) == [generation.pk]


def test_a_bar_says_the_same_as_its_card(ada):
    generation = GenerationFactory.build(
        owner=ada, pk=1, state=State.RUNNING, progress=7, progressed_at=NOW - timedelta(minutes=9)
    )
    alone, whole = present_progress(generation, now=NOW), present_card(generation, now=NOW)
    assert alone.is_steady
    for name, value in vars(alone).items():
        assert getattr(whole, name) == value


@pytest.mark.parametrize(
    "fields",
    [
        {"state": State.SAVING},
        {"state": State.RUNNING, "stalled": NOW},
        {"state": State.RUNNING, "put_away": NOW},
        {"state": State.RUNNING, "error_code": "internal"},
    ],
    ids=lambda fields: "-".join(fields),
)
def test_a_card_that_says_more_than_its_bar_is_not_steady(ada, fields):
    assert not present_progress(
        GenerationFactory.build(owner=ada, pk=1, **fields), now=NOW
    ).is_steady
