"""The stage, and dropping what was not sent yet."""

import pytest

from evolink_studio.generations.models import Generation
from evolink_studio.generations.services import cancel
from evolink_studio.generations.states import State
from tests.factories import NOW, GenerationFactory
from tests.form_pages import ParsedPage, element_text
from tests.generations.form_client import HTMX_HEADERS
from tests.generations.live_pages import (
    create_running_generation,
    open_workspace,
    poll_page,
    poller_url,
)

pytestmark = pytest.mark.django_db


def test_any_of_mine_can_be_selected_and_each_is_shown_once(ada_client, ada):
    rows = [create_running_generation(ada) for _ in range(15)]
    page = ParsedPage(ada_client.get(f"/show/{rows[0].pk}/", headers=HTMX_HEADERS))
    (staged_card,) = page.find_one("section[@id='stage']").findall(".//*[@data-generation]")
    assert staged_card.get("data-generation") == str(rows[0].pk)
    assert len(page.card_states()) == len(page.find_all("*[@data-generation]")) == 15


def test_nobody_elses_can(ada_client, eve):
    assert ada_client.get(f"/show/{create_running_generation(eve).pk}/").status_code == 404
    assert ada_client.get("/show/999999/").status_code == 404


@pytest.mark.parametrize("is_staged", ["", "1"])
def test_what_was_not_sent_yet_can_be_cancelled(ada_client, ada, is_staged):
    generation = GenerationFactory(owner=ada)
    address = f"/generations/{generation.pk}/cancel/"
    page = ParsedPage(ada_client.post(address, {"staged": is_staged}, headers=HTMX_HEADERS))
    assert page.card_states() == {generation.pk: "cancelled"}
    assert "Nothing was charged." in element_text(page.find_card(generation.pk))


def test_cancelling_works_without_scripts(ada_client, ada):
    generation = GenerationFactory(owner=ada)
    response = ada_client.post(f"/generations/{generation.pk}/cancel/", follow=True)
    assert ParsedPage(response).card_states() == {generation.pk: "cancelled"}


@pytest.mark.parametrize("state", [state for state in State if state != State.QUEUED])
def test_too_late_the_card_says_how_it_stands_and_nothing_changes(ada_client, ada, state):
    generation = GenerationFactory(owner=ada, state=state)
    before = Generation.objects.values().get()
    page = ParsedPage(
        ada_client.post(f"/generations/{generation.pk}/cancel/", headers=HTMX_HEADERS)
    )
    assert page.card_states() == {generation.pk: state.value}
    assert Generation.objects.values().get() == before


def test_nobody_cancels_the_generations_of_others(ada_client, eve):
    other_row = GenerationFactory(owner=eve)
    assert ada_client.post(f"/generations/{other_row.pk}/cancel/").status_code == 404
    assert Generation.objects.get().state == "queued"


def test_cancelling_is_told_to_the_other_tabs(ada_client, ada):
    generation = GenerationFactory(owner=ada)
    create_running_generation(ada)
    address = poller_url(open_workspace(ada_client))
    cancel(generation=generation, now=NOW)
    assert ParsedPage(poll_page(ada_client, address)).card_states() == {generation.pk: "cancelled"}
