"""A press on a page that says which cards its list has: only what is not there is drawn."""

import uuid
from datetime import timedelta

import pytest
import time_machine

from evolink_studio.generations.models import Batch, Generation
from evolink_studio.generations.queries import RECENT_LIMIT
from evolink_studio.generations.services import record_heartbeat
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from tests.factories import NOW, VEO, GenerationFactory
from tests.form_pages import ParsedPage
from tests.generations.form_client import post_form
from tests.generations.live_pages import (
    create_running_generation,
    open_workspace,
    poll_page,
    poller_url,
    record_progress,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def frozen_clock():
    """A live worker, and the clock stands an hour after NOW."""
    with time_machine.travel(NOW + timedelta(hours=1), tick=False) as clock:
        record_heartbeat(worker="here", disk_free_bytes=10**12, now=NOW + timedelta(hours=1))
        yield clock


def create_ended_generations(ada, count: int) -> list[Generation]:
    """Ended generations, the newest last."""
    moments = [NOW + timedelta(minutes=n) for n in range(count)]
    return [GenerationFactory(owner=ada, state=State.FAILED, created_at=at) for at in moments]


def workspace_inputs(page: ParsedPage) -> dict[str, object]:
    """What the page's inputs say of its cards when the button is pressed."""
    inputs = [e for e in page.find_all("input") if e.get("form") == "generate"]
    return {
        "_since": [e.get("value") for e in inputs if e.get("name") == "_since"],
        "_rail": [e.get("value") for e in inputs if e.get("name") == "_rail"],
    }


def card_ids(elements) -> list[int]:
    return [int(element.get("id").removeprefix("card-")) for element in elements]


def card_ids_by_swap(answer: ParsedPage, swap: str) -> list[int]:
    return card_ids(e for e in answer.find_all("article") if e.get("hx-swap-oob") == swap)


def selected_card_ids(answer: ParsedPage) -> list[int]:
    return card_ids(answer.find_one("section[@id='stage']").findall(".//article"))


RAIL_SWAP = "beforeend:#rail-list"


def test_the_new_card_is_selected_and_the_former_one_goes_first_in_the_list(ada_client, ada):
    rows = create_ended_generations(ada, 3)
    page = open_workspace(ada_client)
    assert workspace_inputs(page)["_rail"] == [str(rows[1].pk), str(rows[0].pk)]
    answer = ParsedPage(post_form(ada_client, VEO, workspace_inputs(page), is_htmx=True))
    generation = Generation.objects.latest("pk")
    assert selected_card_ids(answer) == [generation.pk]
    assert card_ids_by_swap(answer, RAIL_SWAP) == [rows[2].pk]
    assert card_ids_by_swap(answer, "delete") == card_ids_by_swap(answer, "morph") == []
    assert len(answer.card_states()) == 2
    assert answer.find_one("form[@id='generate']").get("data-model") == VEO
    assert answer.find_one("*[@id='usage']").get("hx-swap-oob") == "morph"
    live = answer.find_one("*[@id='poller']")
    assert live.get("hx-swap-oob") == "morph"
    assert poll_page(ada_client, live.get("hx-get")).status_code == 204


def test_the_list_keeps_its_length(ada_client, ada):
    rows = create_ended_generations(ada, RECENT_LIMIT + 4)
    page = open_workspace(ada_client)
    newest_row = GenerationFactory(
        owner=ada, state=State.FAILED, created_at=NOW + timedelta(minutes=50)
    )
    answer = ParsedPage(post_form(ada_client, VEO, workspace_inputs(page), is_htmx=True))
    assert card_ids_by_swap(answer, RAIL_SWAP) == [newest_row.pk, rows[-1].pk]
    assert card_ids_by_swap(answer, "delete") == [rows[-RECENT_LIMIT].pk]
    after = card_ids(open_workspace(ada_client).find_one("*[@id='rail-list']").findall("article"))
    before = [int(pk) for pk in workspace_inputs(page)["_rail"]]
    assert after == [newest_row.pk, rows[-1].pk, *before][:RECENT_LIMIT]


def test_what_changed_meanwhile_is_brought_along_and_nothing_is_missed_later(ada_client, ada):
    older_row, newer_row = create_running_generation(ada), create_running_generation(ada)
    page = open_workspace(ada_client)
    record_progress(older_row, 40)
    answer = ParsedPage(post_form(ada_client, VEO, workspace_inputs(page), is_htmx=True))
    assert card_ids_by_swap(answer, "morph") == [older_row.pk]
    assert card_ids_by_swap(answer, RAIL_SWAP) == [newer_row.pk]
    generation = Generation.objects.latest("pk")
    transition(generation, State.SENDING, now=NOW)
    news_page = ParsedPage(poll_page(ada_client, poller_url(answer)))
    assert news_page.card_states() == {generation.pk: "sending"}
    assert news_page.find_card(generation.pk).get("class") == "stage-card"


def test_what_another_tab_made_meanwhile_stands_in_its_place(ada_client, ada):
    (staged_row,) = create_ended_generations(ada, 1)
    page = open_workspace(ada_client)
    other_row = GenerationFactory(
        owner=ada, state=State.FAILED, created_at=NOW + timedelta(minutes=9)
    )
    answer = ParsedPage(post_form(ada_client, VEO, workspace_inputs(page), is_htmx=True))
    assert card_ids_by_swap(answer, RAIL_SWAP) == [other_row.pk, staged_row.pk]


def test_beside_a_film_that_plays_the_new_card_goes_first_in_the_list(ada_client, ada):
    rows = create_ended_generations(ada, 3)
    page = open_workspace(ada_client)
    inputs = workspace_inputs(page) | {"keep": str(rows[2].pk)}
    answer = ParsedPage(post_form(ada_client, VEO, inputs, is_htmx=True))
    assert selected_card_ids(answer) == [rows[2].pk]
    assert card_ids_by_swap(answer, RAIL_SWAP) == [Generation.objects.latest("pk").pk]


def test_takes_of_one_press_stay_where_they_are_or_move_together(ada_client, ada):
    batch = Batch.objects.create(owner=ada, kind="takes", form_key=uuid.uuid4(), created_at=NOW)
    takes = [
        GenerationFactory(owner=ada, state=State.RUNNING, batch=batch, created_at=NOW)
        for _each in range(3)
    ]
    other_row = create_ended_generations(ada, 1)[0]
    page = open_workspace(ada_client, f"?show={other_row.pk}")
    record_progress(takes[1], 40)
    answer = ParsedPage(post_form(ada_client, VEO, workspace_inputs(page), is_htmx=True))
    assert card_ids_by_swap(answer, "morph") == [takes[1].pk]
    assert answer.find_card(takes[1].pk).get("class") == "take"
    assert card_ids_by_swap(answer, RAIL_SWAP) == [other_row.pk]
    assert card_ids_by_swap(answer, "delete") == []

    page = open_workspace(ada_client, f"?show={takes[0].pk}")
    answer = ParsedPage(post_form(ada_client, VEO, workspace_inputs(page), is_htmx=True))
    assert answer.find_one("*[@id='workspace']").get("hx-swap-oob") == "morph"
    (group,) = answer.find_one("*[@id='rail-list']").findall("section")
    assert card_ids(group.findall(".//article")) == [row.pk for row in takes]


def test_the_first_one_takes_the_place_of_the_welcome(ada_client, ada):
    answer = ParsedPage(
        post_form(ada_client, VEO, workspace_inputs(open_workspace(ada_client)), is_htmx=True)
    )
    assert selected_card_ids(answer) == [Generation.objects.get().pk]
    assert card_ids_by_swap(answer, RAIL_SWAP) == []
    assert answer.find_all("*[@class='welcome']") == []


def test_a_list_with_a_gap_gets_what_is_missing_and_its_place(ada_client, ada):
    rows = create_ended_generations(ada, 4)
    page = open_workspace(ada_client)
    inputs = {
        "_since": workspace_inputs(page)["_since"],
        "_rail": [str(rows[2].pk), str(rows[0].pk)],
    }
    answer = ParsedPage(post_form(ada_client, VEO, inputs, is_htmx=True))
    assert card_ids_by_swap(answer, RAIL_SWAP) == [rows[3].pk, rows[1].pk]
    orders = [
        [int(number) for number in answer.find_card(row.pk).get("data-order").split()]
        for row in (rows[3], rows[1])
    ]
    assert orders == sorted(orders)


def test_the_same_form_again_does_not_put_its_card_in_two_places(ada_client, ada):
    rows = create_ended_generations(ada, 2)
    page = open_workspace(ada_client)
    key = "6f1c3c0e-5f0c-4f63-9d4a-0c1f4a1b2c3d"
    post_form(ada_client, VEO, workspace_inputs(page), is_htmx=True, form_key=key)
    generation = Generation.objects.latest("pk")
    inputs = workspace_inputs(open_workspace(ada_client, f"?show={rows[1].pk}"))
    assert str(generation.pk) in inputs["_rail"]
    answer = ParsedPage(post_form(ada_client, VEO, inputs, is_htmx=True, form_key=key))
    assert answer.find_one("*[@id='workspace']").get("hx-swap-oob") == "morph"
    assert len(answer.find_all(f"*[@id='card-{generation.pk}']")) == 1
