"""Dismissing: it leaves the workspace, the work and the money go on, and nothing is lost."""

from datetime import timedelta

import pytest

from evolink_studio.generations.models import Generation
from evolink_studio.generations.services import dismiss, restore
from evolink_studio.generations.states import DISMISSIBLE_STATES, State
from evolink_studio.generations.transitions import transition
from tests.factories import NOW, VEO, GenerationFactory
from tests.form_pages import ParsedPage, element_text
from tests.generations.conftest import reload
from tests.generations.form_client import HTMX_HEADERS

pytestmark = pytest.mark.django_db

UNTOUCHED_COLUMNS = (
    *("state", "charge", "next_attempt_at", "lease_id", "progressed_at", "attempts"),
    *("credits_reserved", "credits_charged"),
)


def untouched_values(generation: Generation) -> dict[str, object]:
    return Generation.objects.values(*UNTOUCHED_COLUMNS).get(pk=generation.pk)


def post_dismiss(client, generation, **options):
    return client.post(f"/generations/{generation.pk}/put-away/", **options)


def post_restore(client, generation, **options):
    return client.post(f"/generations/{generation.pk}/watch-again/", **options)


def open_workspace(client) -> ParsedPage:
    return ParsedPage(client.get(f"/create/{VEO}/"))


def poller_url(page: ParsedPage) -> str | None:
    """Where the page's poller asks; None when it does not."""
    return page.find_one("*[@id='poller']").get("hx-get")


# --- the service ------------------------------------------------------------------------------


@pytest.mark.parametrize("state", State)
def test_only_what_was_sent_and_is_not_over_can_be_dismissed(ada, state):
    generation = GenerationFactory(owner=ada, state=state, next_attempt_at=NOW)
    before = untouched_values(generation)
    assert dismiss(generation=generation, now=NOW) is (state in DISMISSIBLE_STATES)
    assert (reload(generation).dismissed_at == NOW) is (state in DISMISSIBLE_STATES)
    assert untouched_values(generation) == before


def test_what_is_dismissed_twice_keeps_its_first_moment(ada):
    generation = GenerationFactory(owner=ada, state=State.RUNNING)
    assert dismiss(generation=generation, now=NOW)
    assert not dismiss(generation=generation, now=NOW + timedelta(hours=1))
    assert reload(generation).dismissed_at == NOW
    assert restore(generation=generation)
    assert not restore(generation=generation)
    assert reload(generation).dismissed_at is None


def test_both_are_news_for_the_other_tabs(ada):
    generation = GenerationFactory(owner=ada, state=State.RUNNING)
    versions = [reload(generation).changed_version]
    dismiss(generation=generation, now=NOW)
    versions.append(reload(generation).changed_version)
    restore(generation=generation)
    versions.append(reload(generation).changed_version)
    assert versions == sorted(set(versions))


def test_the_worker_polls_it_and_settles_it_all_the_same(fake_provider, worker, ada):
    generation = GenerationFactory(owner=ada)
    worker.dispatch_due()
    assert dismiss(generation=reload(generation), now=NOW)
    fake_provider.complete_task(reload(generation).task_id, f"{fake_provider.url}/film")
    assert worker.poll_when_due(generation).state == State.SAVING
    assert generation.charge == "charged"
    assert fake_provider.paid_count == 1


# --- the page ---------------------------------------------------------------------------------


@pytest.mark.parametrize("is_staged", ["", "1"])
def test_the_card_says_what_goes_on_and_offers_the_way_back(ada_client, ada, is_staged):
    generation = GenerationFactory(owner=ada, state=State.RUNNING)
    page = ParsedPage(
        post_dismiss(ada_client, generation, data={"staged": is_staged}, headers=HTMX_HEADERS)
    )
    text = element_text(page.find_card(generation.pk))
    assert "You stopped watching this. EvoLink goes on, and 25.7 credits stay reserved." in text
    assert "it will be in your films" in text
    assert "Watch again" in text
    assert "Stop watching" not in text
    assert page.find_all("progress") == []


def test_it_leaves_the_workspace_and_no_longer_keeps_the_poller_running(ada_client, ada):
    other_row = GenerationFactory(
        owner=ada, state=State.COMPLETED, created_at=NOW - timedelta(hours=1)
    )
    generation = GenerationFactory(owner=ada, state=State.RUNNING)
    assert poller_url(open_workspace(ada_client))
    post_dismiss(ada_client, generation)
    page = open_workspace(ada_client)
    assert page.card_states() == {other_row.pk: "completed"}
    assert poller_url(page) is None


def test_the_poller_of_an_open_page_hears_of_it_and_stops(ada_client, ada):
    generation = GenerationFactory(owner=ada, state=State.RUNNING)
    address = poller_url(open_workspace(ada_client))
    post_dismiss(ada_client, generation)
    page = ParsedPage(ada_client.get(address, headers=HTMX_HEADERS))
    assert poller_url(page) is None
    assert "You stopped watching this." in element_text(page.find_card(generation.pk))


def test_without_scripts_a_line_says_it(ada_client, ada):
    generation = GenerationFactory(owner=ada, state=State.RUNNING)
    page = ParsedPage(post_dismiss(ada_client, generation, follow=True))
    assert page.card_states() == {}
    assert "EvoLink goes on, and 25.7 credits stay reserved." in page.text


def test_restoring_selects_it_and_polls_for_changes(ada_client, ada):
    generation = GenerationFactory(owner=ada, state=State.RUNNING, dismissed_at=NOW)
    page = ParsedPage(post_restore(ada_client, generation, headers=HTMX_HEADERS))
    assert page.card_states() == {generation.pk: "running"}
    assert "Stop watching" in element_text(page.find_card(generation.pk))
    assert poller_url(page)
    page = ParsedPage(post_restore(ada_client, generation, follow=True))
    assert page.card_states() == {generation.pk: "running"}


def test_what_was_dismissed_can_still_be_opened(ada_client, ada):
    generation = GenerationFactory(owner=ada, state=State.RUNNING, dismissed_at=NOW)
    page = ParsedPage(ada_client.get(f"/create/{VEO}/?show={generation.pk}"))
    assert "Watch again" in element_text(page.find_card(generation.pk))
    assert poller_url(page) is None


def test_too_late_the_card_says_how_it_ended(ada_client, ada):
    generation = GenerationFactory(owner=ada, state=State.RUNNING)
    transition(generation, State.FAILED, now=NOW, error_code="service_error")
    page = ParsedPage(post_dismiss(ada_client, generation, headers=HTMX_HEADERS))
    assert page.card_states() == {generation.pk: "failed"}
    assert reload(generation).dismissed_at is None


@pytest.mark.parametrize(("action", "dismissed_at"), [(post_dismiss, None), (post_restore, NOW)])
def test_nobody_does_it_to_the_work_of_others(ada_client, eve, action, dismissed_at):
    other_row = GenerationFactory(owner=eve, state=State.RUNNING, dismissed_at=dismissed_at)
    assert action(ada_client, other_row).status_code == 404
    assert reload(other_row).dismissed_at == dismissed_at


def test_its_film_stands_among_the_films_when_it_is_made(ada_client, ada):
    GenerationFactory(owner=ada, state=State.RUNNING, dismissed_at=NOW)
    assert "not watched" in ParsedPage(ada_client.get("/films/?of=making")).text
    Generation.objects.update(state=State.COMPLETED, finished_at=NOW, next_attempt_at=None)
    assert len(ParsedPage(ada_client.get("/films/")).find_all("article")) == 1
