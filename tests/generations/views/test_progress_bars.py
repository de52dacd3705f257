"""While only a bar moves, the answer has the bar and not its card, on pages that show it steady."""

from datetime import timedelta

import pytest

from evolink_studio.generations.models import Generation
from evolink_studio.generations.presenters.cards import present_card, present_progress
from evolink_studio.generations.services import dismiss, restore
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from tests.factories import NOW, GenerationFactory
from tests.form_pages import ParsedPage
from tests.generations.live_pages import (
    create_running_generation,
    list_bar_ids,
    open_workspace,
    poll_page,
    poller_url,
    record_progress,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]


def set_stalled(generation: Generation, stalled_since) -> None:
    """As the worker writes it down, and takes it back with None."""
    generation.refresh_from_db()
    Generation.objects.filter(pk=generation.pk).update(stalled_since=stalled_since)
    record_progress(generation, generation.progress)


def test_a_bar_comes_alone_and_says_its_progress(ada_client, ada):
    listed_row, staged_row = create_running_generation(ada), create_running_generation(ada)
    page = open_workspace(ada_client, f"?show={staged_row.pk}")
    assert sorted(list_bar_ids(page)) == [listed_row.pk, staged_row.pk]
    for generation in (listed_row, staged_row):
        record_progress(generation, 40)
    answer_page = ParsedPage(poll_page(ada_client, poller_url(page), list_bar_ids(page)))
    assert answer_page.card_states() == {}
    for generation in (listed_row, staged_row):
        (line,) = answer_page.find_all(f"div[@id='progress-bar-{generation.pk}']")
        assert line.get("hx-swap-oob") == "morph"
        assert line.find(".//progress").get("aria-valuenow") == "40"
    (leader,) = answer_page.find_all("svg[@class='progress-ring']")
    assert (leader.get("id"), leader.get("hx-swap-oob")) == (
        f"progress-ring-{staged_row.pk}",
        "morph",
    )
    assert sorted(list_bar_ids(answer_page)) == [listed_row.pk, staged_row.pk]
    assert (
        poll_page(ada_client, poller_url(answer_page), list_bar_ids(answer_page)).status_code == 204
    )


def test_what_a_bar_replaces_stands_on_the_page_once(ada_client, ada):
    staged_row, listed_row = create_running_generation(ada), create_running_generation(ada)
    page = open_workspace(ada_client, f"?show={staged_row.pk}")
    for generation in (staged_row, listed_row):
        assert page.find_one(f"*[@id='progress-bar-{generation.pk}']").get("hx-swap-oob") is None
    assert page.find_one(f"*[@id='progress-ring-{staged_row.pk}']").get("hx-swap-oob") is None


def test_a_page_that_does_not_show_the_bar_is_brought_the_card(ada_client, ada):
    generation, other_row = create_running_generation(ada), create_running_generation(ada)
    address = poller_url(open_workspace(ada_client))
    record_progress(generation, 40)
    assert ParsedPage(poll_page(ada_client, address)).card_states() == {generation.pk: "running"}
    assert ParsedPage(poll_page(ada_client, address, [other_row.pk])).card_states() == {
        generation.pk: "running"
    }


@pytest.mark.parametrize("known_ids", ["", "x", "-1", "9" * 40, "٣"])
def test_a_bar_that_makes_no_sense_is_no_bar(ada_client, ada, known_ids):
    generation = create_running_generation(ada)
    address = poller_url(open_workspace(ada_client))
    record_progress(generation, 40)
    assert ParsedPage(poll_page(ada_client, address, [known_ids])).card_states() == {
        generation.pk: "running"
    }


def test_the_bars_of_others_bring_nothing_of_them(ada_client, ada, eve):
    create_running_generation(ada)
    other_row = create_running_generation(eve)
    address = poller_url(open_workspace(ada_client))
    record_progress(other_row, 40)
    assert poll_page(ada_client, address, [other_row.pk]).status_code == 204


@pytest.mark.parametrize("to", [State.SAVING, State.FAILED])
def test_what_moves_on_is_brought_as_a_card(ada_client, ada, to):
    generation = create_running_generation(ada)
    page = open_workspace(ada_client)
    transition(generation, to, now=NOW)
    answer_page = ParsedPage(poll_page(ada_client, poller_url(page), list_bar_ids(page)))
    assert answer_page.card_states() == {generation.pk: to.value}
    assert list_bar_ids(answer_page) == []


def test_a_card_without_news_comes_whole_and_comes_whole_again_when_there_are_some(ada_client, ada):
    generation = create_running_generation(ada)
    page = open_workspace(ada_client)
    set_stalled(generation, NOW)
    quiet_page = ParsedPage(poll_page(ada_client, poller_url(page), list_bar_ids(page)))
    assert quiet_page.find_card(generation.pk).get("data-stalled") is not None
    assert list_bar_ids(quiet_page) == []
    set_stalled(generation, None)
    second_page = ParsedPage(
        poll_page(ada_client, poller_url(quiet_page), list_bar_ids(quiet_page))
    )
    assert second_page.find_card(generation.pk).get("data-stalled") is None
    assert list_bar_ids(second_page) == [generation.pk]


def test_what_was_dismissed_comes_whole_when_it_comes_back(ada_client, ada):
    generation, _other = create_running_generation(ada), create_running_generation(ada)
    page = open_workspace(ada_client)
    dismiss(generation=generation, now=NOW)
    away_page = ParsedPage(poll_page(ada_client, poller_url(page), list_bar_ids(page)))
    assert away_page.card_states() == {generation.pk: "running"}
    assert generation.pk not in list_bar_ids(away_page)
    restore(generation=generation)
    back_page = ParsedPage(poll_page(ada_client, poller_url(away_page), list_bar_ids(away_page)))
    assert back_page.card_states() == {generation.pk: "running"}
    assert list_bar_ids(back_page) == [generation.pk]


def test_a_bar_says_the_same_as_its_card(ada):
    generation = GenerationFactory.build(
        owner=ada, pk=1, state=State.RUNNING, progress=7, progressed_at=NOW - timedelta(minutes=9)
    )
    progress, card = present_progress(generation, now=NOW), present_card(generation, now=NOW)
    assert progress.is_steady
    for name, value in vars(progress).items():
        assert getattr(card, name) == value


@pytest.mark.parametrize(
    "fields",
    [
        {"state": State.SAVING},
        {"state": State.RUNNING, "stalled_since": NOW},
        {"state": State.RUNNING, "dismissed_at": NOW},
        {"state": State.RUNNING, "error_code": "internal"},
    ],
    ids=lambda fields: "-".join(fields),
)
def test_a_card_that_says_more_than_its_bar_is_not_steady(ada, fields):
    assert not present_progress(
        GenerationFactory.build(owner=ada, pk=1, **fields), now=NOW
    ).is_steady
