"""The page's one poller: what changed, only what changed, and silence when nothing did."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evolink_studio.credits.services import record_balance, record_unreachable
from evolink_studio.generations import change_feed
from evolink_studio.generations.models import ChangeFeed, Charge, Generation
from evolink_studio.generations.pipeline.provider import provider_key
from evolink_studio.generations.services import record_heartbeat
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from tests.factories import NOW, VEO, GenerationFactory
from tests.generations.pressing import HTMX, press
from tests.generations.watching import opened, poll, poller, progress, running
from tests.page import Page, words

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def noon():
    """The worker is there, and it is noon."""
    with time_machine.travel(NOW, tick=False) as clock:
        record_heartbeat(worker="here", disk_free_bytes=10**12, now=NOW)
        yield clock


def test_when_nothing_changed_the_answer_is_empty(tab, ada):
    running(ada)
    address = poller(opened(tab))
    for _ in range(3):
        response = poll(tab, address)
        assert (response.status_code, response.content) == (204, b"")


def test_a_change_brings_only_that_card_and_the_next_question(tab, ada):
    first, _second = running(ada), running(ada)
    address = poller(opened(tab))
    transition(first, State.SAVING, now=NOW)
    page = Page(poll(tab, address))
    assert page.cards() == {first.pk: "saving"}
    assert page.card(first.pk).get("hx-swap-oob") == "morph"
    assert page.all("form[@id='generate']") == []
    assert poll(tab, poller(page)).status_code == 204


def test_the_card_on_the_stage_is_changed_on_the_stage(tab, ada):
    older, newer = running(ada), running(ada)
    address = poller(opened(tab, f"?show={older.pk}"))
    for generation in (older, newer):
        transition(generation, State.SAVING, now=NOW)
    page = Page(poll(tab, address))
    kinds = {pk: page.card(pk).get("class") for pk in (older.pk, newer.pk)}
    assert kinds[older.pk] != kinds[newer.pk]
    staged = opened(tab, f"?show={older.pk}").card(older.pk).get("class")
    assert kinds[older.pk] == staged


def test_a_card_from_another_tab_is_added_to_the_list_once(tab, ada):
    running(ada)
    address = poller(opened(tab))
    press(tab, VEO)
    made = Generation.objects.latest("pk")
    page = Page(poll(tab, address))
    (place,) = [e for e in page.all("div") if (e.get("hx-swap-oob") or "").startswith("afterbegin")]
    assert [e.get("data-generation") for e in place] == [str(made.pk)]
    assert page.card(made.pk).get("hx-swap-oob") is None

    transition(made, State.CANCELLED, now=NOW)
    again = Page(poll(tab, poller(page)))
    assert again.card(made.pk).get("hx-swap-oob") == "morph"


def test_it_stops_when_nothing_runs_and_begins_again_with_a_press(tab, ada):
    generation = running(ada)
    address = poller(opened(tab))
    transition(generation, State.FAILED, now=NOW)
    page = Page(poll(tab, address))
    assert poller(page) is None
    assert poller(opened(tab)) is None
    assert poller(Page(press(tab, VEO, htmx=True)))


def test_a_lost_answer_is_watched_as_long_as_it_is_looked_for(tab, ada):
    lost = GenerationFactory(owner=ada, state=State.UNKNOWN, next_attempt_at=NOW)
    assert poller(opened(tab))
    Generation.objects.filter(pk=lost.pk).update(next_attempt_at=None)
    assert poller(opened(tab)) is None


@pytest.mark.parametrize("shown", [1, 13, 100])
def test_asking_costs_three_queries_however_many_cards_there_are(tab, ada, shown):
    rows = [running(ada) for _ in range(shown)]
    address = poller(opened(tab))
    with CaptureQueriesContext(connection) as idle:
        assert poll(tab, address).status_code == 204
    assert len(idle) <= 3

    for row in rows:
        progress(row, 40)
    with CaptureQueriesContext(connection) as moving:
        assert len(Page(poll(tab, address)).cards()) == shown
    assert len(moving) <= 3

    for row in rows:
        transition(row, State.SAVING, now=NOW)
    with CaptureQueriesContext(connection) as busy:
        assert len(Page(poll(tab, address)).cards()) == shown
    assert len(busy) <= 6


def test_the_credits_are_drawn_anew_when_they_may_have_changed_and_only_then(tab, ada):
    generation = running(ada)
    address = poller(opened(tab))
    progress(generation, 40)
    moving = poll(tab, address)
    page = Page(moving)
    assert page.all("*[@id='usage']") == page.all("*[@id='banners']") == []
    assert "HX-Trigger" not in moving

    facts = {"used": Decimal(36), "charge": Charge.CHARGED, "finished": NOW}
    transition(generation, State.FAILED, now=NOW, **facts)
    ended = poll(tab, poller(page))
    assert "36" in words(Page(ended).one("*[@id='usage']"))
    assert ended["HX-Trigger"] == "credits"


def test_a_library_of_any_size_is_not_walked_by_a_poll(tab, ada):
    """The database finds what changed by the index over versions."""
    running(ada)
    if connection.vendor != "sqlite":
        pytest.skip("how PostgreSQL goes about it depends on how many rows there are")
    prepared = change_feed._change_query()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {prepared._sql}", prepared._parameters)
        plan = [line for *_, line in cursor.fetchall()]
    assert any(
        "changed USING INDEX generation_by_version (owner_id=? AND version>" in line
        for line in plan
    )


def test_of_very_many_changes_the_newest_are_told(tab, ada):
    """A page that was hidden for an hour shows the newest, so these must be right."""
    rows = [running(ada, created_at=NOW + timedelta(seconds=n)) for n in range(130)]
    address = poller(opened(tab))
    for row in rows:
        transition(row, State.FAILED, now=NOW)
    told = Page(poll(tab, address)).cards()
    assert {row.pk for row in rows[-13:]} <= set(told)


def test_news_of_others_are_no_news(tab, ada, eve):
    running(ada)
    address = poller(opened(tab))
    transition(running(eve), State.SAVING, now=NOW)
    assert poll(tab, address).status_code == 204


def test_a_new_balance_is_news_and_brings_the_badge(tab, ada):
    running(ada)
    address = poller(opened(tab))
    record_balance(
        provider_key=provider_key(), credits_available=Decimal(1234), now=NOW + timedelta(minutes=1)
    )
    page = Page(poll(tab, address))
    assert "1,234" in words(page.one("*[@id='usage']"))
    assert page.cards() == {}
    assert poll(tab, poller(page)).status_code == 204


def test_a_far_end_that_is_away_is_said_and_taken_back(tab, ada):
    running(ada)
    record_balance(provider_key=provider_key(), credits_available=Decimal(1234), now=NOW)
    address = poller(opened(tab))
    record_unreachable(
        provider_key=provider_key(), error_name="Unavailable", now=NOW + timedelta(seconds=9)
    )
    page = Page(poll(tab, address))
    assert "cannot be reached" in words(page.one("*[@id='banners']"))
    assert "did not answer the last time" in words(page.one("*[@id='usage']"))

    record_balance(
        provider_key=provider_key(),
        credits_available=Decimal(1234),
        now=NOW + timedelta(seconds=60),
    )
    page = Page(poll(tab, poller(page)))
    assert words(page.one("*[@id='banners']")) == ""


def test_a_worker_that_is_away_is_said_and_taken_back(tab, ada, noon):
    running(ada)
    address = poller(opened(tab))
    noon.shift(31)
    page = Page(poll(tab, address))
    assert "worker is away" in words(page.one("*[@id='banners']"))
    record_heartbeat(worker="here", disk_free_bytes=10**12, now=NOW + timedelta(seconds=31))
    page = Page(poll(tab, poller(page)))
    assert words(page.one("*[@id='banners']")) == ""


@pytest.mark.parametrize(
    "since", ["", "x", "0.0.00", "-5", "9" * 40, "1e9", "../..", "%00", "٣", "1.2.3.4.5"]
)
@pytest.mark.parametrize("show", ["", "x", "0", "999999", "9" * 40])
def test_a_question_that_makes_no_sense_is_answered_all_the_same(tab, ada, since, show):
    running(ada)
    response = tab.get("/live/", {"since": since, "show": show}, headers=HTMX)
    assert response.status_code == 200
    assert poller(Page(response))


def test_a_page_that_knows_nothing_yet_hears_of_everything(tab, ada):
    generation = running(ada)
    page = Page(tab.get("/live/", headers=HTMX))
    assert page.cards() == {generation.pk: "running"}


def test_the_answer_is_never_kept_by_anybody_in_between(tab, ada):
    running(ada)
    for address in (poller(opened(tab)), "/live/"):
        assert "no-store" in poll(tab, address)["Cache-Control"]


def test_a_session_that_ended_leads_to_the_door_and_not_into_the_card(tab, ada):
    running(ada)
    address = poller(opened(tab))
    tab.logout()
    response = poll(tab, address)
    assert (response.status_code, response.content) == (204, b"")
    assert response["HX-Redirect"].startswith("/account/login/")


def test_versions_never_hide_a_change_that_was_written_between(tab, ada):
    """The page is told of the state it was drawn with, so that nothing between is lost."""
    generation = running(ada)
    page = opened(tab)
    version = ChangeFeed.objects.get(pk=ada.pk).version
    assert poller(page).split("since=")[1].startswith(f"{version}.")
    transition(generation, State.SAVING, now=NOW)
    transition(generation, State.FAILED, now=NOW)
    assert Page(poll(tab, poller(page))).cards() == {generation.pk: "failed"}
