"""The page's one poller: what changed, only what changed, and silence when nothing did."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evolink_studio.credits.models import BalanceError
from evolink_studio.credits.services import record_balance, record_unreachable
from evolink_studio.films.trash import move_to_trash
from evolink_studio.generations.change_feed import MAX_WATCHED
from evolink_studio.generations.models import ChangeFeed, Charge, Generation
from evolink_studio.generations.pipeline.provider import get_provider_key
from evolink_studio.generations.services import record_heartbeat
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from tests.factories import NOW, VEO, GenerationFactory
from tests.form_pages import ParsedPage, element_text
from tests.generations.form_client import HTMX_HEADERS, post_form
from tests.generations.live_pages import (
    create_running_generation,
    open_workspace,
    poll_page,
    poller_url,
    record_progress,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]


def test_when_nothing_changed_the_answer_is_empty(ada_client, ada):
    create_running_generation(ada)
    address = poller_url(open_workspace(ada_client))
    for _ in range(3):
        response = poll_page(ada_client, address)
        assert (response.status_code, response.content) == (204, b"")


def test_a_change_brings_only_that_card_and_the_next_question(ada_client, ada):
    first, _second = create_running_generation(ada), create_running_generation(ada)
    address = poller_url(open_workspace(ada_client))
    transition(first, State.SAVING, now=NOW)
    page = ParsedPage(poll_page(ada_client, address))
    assert page.card_states() == {first.pk: "saving"}
    assert page.find_card(first.pk).get("hx-swap-oob") == "morph"
    assert page.find_all("form[@id='generate']") == []
    assert poll_page(ada_client, poller_url(page)).status_code == 204


def test_the_selected_card_is_changed_in_its_place(ada_client, ada):
    older_row, newer_row = create_running_generation(ada), create_running_generation(ada)
    address = poller_url(open_workspace(ada_client, f"?show={older_row.pk}"))
    for generation in (older_row, newer_row):
        transition(generation, State.SAVING, now=NOW)
    page = ParsedPage(poll_page(ada_client, address))
    kinds = {pk: page.find_card(pk).get("class") for pk in (older_row.pk, newer_row.pk)}
    assert kinds[older_row.pk] != kinds[newer_row.pk]
    stage_class = (
        open_workspace(ada_client, f"?show={older_row.pk}").find_card(older_row.pk).get("class")
    )
    assert kinds[older_row.pk] == stage_class


def test_a_card_from_another_tab_is_added_to_the_list_once(ada_client, ada):
    create_running_generation(ada)
    address = poller_url(open_workspace(ada_client))
    post_form(ada_client, VEO)
    generation = Generation.objects.latest("pk")
    page = ParsedPage(poll_page(ada_client, address))
    assert page.find_card(generation.pk).get("hx-swap-oob") == "beforeend:#rail-list"

    transition(generation, State.CANCELLED, now=NOW)
    second_page = ParsedPage(poll_page(ada_client, poller_url(page)))
    assert second_page.find_card(generation.pk).get("hx-swap-oob") == "morph"


def test_what_another_tab_put_into_the_trash_leaves_the_rail_and_not_the_stage(ada_client, ada):
    selected, listed = (GenerationFactory(owner=ada, state=State.COMPLETED) for _ in range(2))
    create_running_generation(ada)
    address = poller_url(open_workspace(ada_client, f"?show={selected.pk}"))
    move_to_trash(owner=ada, film_ids=[selected.pk, listed.pk], now=NOW)
    with CaptureQueriesContext(connection) as queries:
        page = ParsedPage(poll_page(ada_client, address))
    swaps = {
        pk: page.find_one(f"article[@id='card-{pk}']").get("hx-swap-oob")
        for pk in (selected.pk, listed.pk)
    }
    assert swaps == {selected.pk: "morph", listed.pk: "delete"}
    assert len(queries) <= 6
    assert poll_page(ada_client, poller_url(page)).status_code == 204


def test_it_stops_when_nothing_runs_and_begins_again_with_a_press(ada_client, ada):
    generation = create_running_generation(ada)
    address = poller_url(open_workspace(ada_client))
    transition(generation, State.FAILED, now=NOW)
    page = ParsedPage(poll_page(ada_client, address))
    assert poller_url(page) is None
    assert poller_url(open_workspace(ada_client)) is None
    assert poller_url(ParsedPage(post_form(ada_client, VEO, is_htmx=True)))


def test_a_lost_answer_is_polled_as_long_as_it_is_searched_for(ada_client, ada):
    unknown_row = GenerationFactory(owner=ada, state=State.UNKNOWN, next_attempt_at=NOW)
    assert poller_url(open_workspace(ada_client))
    Generation.objects.filter(pk=unknown_row.pk).update(next_attempt_at=None)
    assert poller_url(open_workspace(ada_client)) is None


@pytest.mark.parametrize("card_count", [1, 13, 100])
def test_asking_costs_three_queries_however_many_cards_there_are(ada_client, ada, card_count):
    rows = [create_running_generation(ada) for _ in range(card_count)]
    address = poller_url(open_workspace(ada_client))
    with CaptureQueriesContext(connection) as idle:
        assert poll_page(ada_client, address).status_code == 204
    assert len(idle) <= 3

    for row in rows:
        record_progress(row, 40)
    with CaptureQueriesContext(connection) as moving_queries:
        assert len(ParsedPage(poll_page(ada_client, address)).card_states()) == card_count
    assert len(moving_queries) <= 3

    for row in rows:
        transition(row, State.SAVING, now=NOW)
    with CaptureQueriesContext(connection) as busy_queries:
        assert len(ParsedPage(poll_page(ada_client, address)).card_states()) == card_count
    # Of very many somebody has to be asked how many are running.
    assert len(busy_queries) <= (6 if card_count < MAX_WATCHED else 7)


def test_the_credits_are_drawn_anew_when_they_may_have_changed_and_only_then(ada_client, ada):
    generation = create_running_generation(ada)
    address = poller_url(open_workspace(ada_client))
    record_progress(generation, 40)
    moving_answer = poll_page(ada_client, address)
    page = ParsedPage(moving_answer)
    assert page.find_all("*[@id='usage']") == page.find_all("*[@id='banners']") == []
    assert "HX-Trigger" not in moving_answer

    facts = {"credits_charged": Decimal(36), "charge": Charge.CHARGED, "finished_at": NOW}
    transition(generation, State.FAILED, now=NOW, **facts)
    ended_answer = poll_page(ada_client, poller_url(page))
    assert "36" in element_text(ParsedPage(ended_answer).find_one("*[@id='usage']"))
    assert ended_answer["HX-Trigger"] == "credits"


def test_of_very_many_changes_the_newest_are_told(ada_client, ada):
    """A page that was hidden for an hour shows the newest, so these must be right."""
    rows = [
        create_running_generation(ada, created_at=NOW + timedelta(seconds=n)) for n in range(130)
    ]
    address = poller_url(open_workspace(ada_client))
    for row in rows:
        transition(row, State.FAILED, now=NOW)
    states = ParsedPage(poll_page(ada_client, address)).card_states()
    assert {row.pk for row in rows[-13:]} <= set(states)


def test_news_of_others_are_no_news(ada_client, ada, eve):
    create_running_generation(ada)
    address = poller_url(open_workspace(ada_client))
    transition(create_running_generation(eve), State.SAVING, now=NOW)
    assert poll_page(ada_client, address).status_code == 204


def test_a_new_balance_is_news_and_brings_the_badge(ada_client, ada):
    create_running_generation(ada)
    address = poller_url(open_workspace(ada_client))
    record_balance(
        provider_key=get_provider_key(),
        credits_available=Decimal(1234),
        now=NOW + timedelta(minutes=1),
    )
    page = ParsedPage(poll_page(ada_client, address))
    assert "1,234" in element_text(page.find_one("*[@id='usage']"))
    assert page.card_states() == {}
    assert poll_page(ada_client, poller_url(page)).status_code == 204


def test_a_provider_that_is_unavailable_is_said_and_taken_back(ada_client, ada):
    create_running_generation(ada)
    record_balance(provider_key=get_provider_key(), credits_available=Decimal(1234), now=NOW)
    address = poller_url(open_workspace(ada_client))
    record_unreachable(
        provider_key=get_provider_key(),
        error=BalanceError.UNAVAILABLE,
        now=NOW + timedelta(seconds=9),
    )
    page = ParsedPage(poll_page(ada_client, address))
    assert "cannot be reached" in element_text(page.find_one("*[@id='banners']"))
    assert "did not answer the last time" in element_text(page.find_one("*[@id='usage']"))

    record_balance(
        provider_key=get_provider_key(),
        credits_available=Decimal(1234),
        now=NOW + timedelta(seconds=60),
    )
    page = ParsedPage(poll_page(ada_client, poller_url(page)))
    assert element_text(page.find_one("*[@id='banners']")) == ""


def test_a_worker_that_is_away_is_said_and_taken_back(ada_client, ada, frozen_clock):
    create_running_generation(ada)
    address = poller_url(open_workspace(ada_client))
    frozen_clock.shift(31)
    page = ParsedPage(poll_page(ada_client, address))
    assert "worker is away" in element_text(page.find_one("*[@id='banners']"))
    record_heartbeat(worker="here", disk_free_bytes=10**12, now=NOW + timedelta(seconds=31))
    page = ParsedPage(poll_page(ada_client, poller_url(page)))
    assert element_text(page.find_one("*[@id='banners']")) == ""


@pytest.mark.parametrize(
    "since", ["", "x", "0.0.00", "-5", "9" * 40, "1e9", "../..", "%00", "٣", "1.2.3.4.5"]
)
@pytest.mark.parametrize("show", ["", "x", "0", "999999", "9" * 40])
def test_a_question_that_makes_no_sense_is_answered_all_the_same(ada_client, ada, since, show):
    create_running_generation(ada)
    response = ada_client.get("/live/", {"since": since, "show": show}, headers=HTMX_HEADERS)
    assert response.status_code == 200
    assert poller_url(ParsedPage(response))


def test_a_page_that_knows_nothing_yet_hears_of_everything(ada_client, ada):
    generation = create_running_generation(ada)
    page = ParsedPage(ada_client.get("/live/", headers=HTMX_HEADERS))
    assert page.card_states() == {generation.pk: "running"}


def test_the_answer_is_never_kept_by_anybody_in_between(ada_client, ada):
    create_running_generation(ada)
    for address in (poller_url(open_workspace(ada_client)), "/live/"):
        assert "no-store" in poll_page(ada_client, address)["Cache-Control"]


def test_a_session_that_ended_leads_to_sign_in_and_not_into_the_card(ada_client, ada):
    create_running_generation(ada)
    address = poller_url(open_workspace(ada_client))
    ada_client.logout()
    response = poll_page(ada_client, address)
    assert (response.status_code, response.content) == (204, b"")
    assert response["HX-Redirect"].startswith("/account/login/")


def test_versions_never_hide_a_change_that_was_written_between(ada_client, ada):
    """The page is told of the state it was drawn with, so that nothing between is lost."""
    generation = create_running_generation(ada)
    page = open_workspace(ada_client)
    version = ChangeFeed.objects.get(pk=ada.pk).version
    assert poller_url(page).split("since=")[1].startswith(f"{version}.")
    transition(generation, State.SAVING, now=NOW)
    transition(generation, State.FAILED, now=NOW)
    assert ParsedPage(poll_page(ada_client, poller_url(page))).card_states() == {
        generation.pk: "failed"
    }


def test_an_idle_page_can_ask_what_others_started_and_that_costs_little(ada_client, ada):
    url = open_workspace(ada_client).find_one("*[@id='poller']").get("data-url")
    with CaptureQueriesContext(connection) as idle_queries:
        response = poll_page(ada_client, url)
    assert (response.status_code, response.content) == (204, b"")
    assert len(idle_queries) <= 3
    generation = create_running_generation(ada)
    page = ParsedPage(poll_page(ada_client, url))
    assert page.card_states() == {generation.pk: "running"}
    assert poller_url(page)
