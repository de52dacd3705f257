"""The rail: everything in the making, in the order of its turn, and what can be done there."""

import json
from datetime import timedelta

import pytest

from evolink_studio.generations.models import Batch, Generation
from evolink_studio.generations.queries import LIVE_LIMIT, RECENT_LIMIT
from evolink_studio.generations.services import QueueMove, move_in_queue
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from tests.factories import NOW, AssetFactory, GenerationFactory
from tests.form_pages import ParsedPage, element_text
from tests.generations.form_client import HTMX_HEADERS
from tests.generations.live_pages import (
    create_running_generation,
    open_workspace,
    poll_page,
    poller_url,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]


def create_at(ada, minute: int, **fields) -> Generation:
    return GenerationFactory(owner=ada, created_at=NOW + timedelta(minutes=minute), **fields)


def list_rail_ids(page: ParsedPage) -> list[int]:
    cards = page.find_one("*[@id='rail-list']").findall(".//*[@data-generation]")
    return [int(card.get("data-generation")) for card in cards]


def read_strip(page: ParsedPage) -> str:
    (text,) = page.find_one("*[@id='queue-strip']").findall("p")
    return element_text(text)


def create_takes(ada, *states: State) -> list[Generation]:
    batch = Batch.objects.create(
        owner=ada,
        kind=Batch.Kind.TAKES,
        form_key="6f1c3c0e-5f0c-4f63-9d4a-0c1f4a1b2c3d",
        created_at=NOW,
    )
    return [create_at(ada, n, state=state, batch=batch) for n, state in enumerate(states)]


def test_what_runs_comes_first_then_what_waits_by_its_turn_then_the_newest(ada_client, ada):
    old_run, ended, late_run = (
        create_at(ada, n, state=state)
        for n, state in enumerate((State.RUNNING, State.FAILED, State.SAVING))
    )
    waiting = [create_at(ada, 10 + n) for n in range(2)]
    newer_ended, selected = (create_at(ada, 20 + n, state=State.CANCELLED) for n in range(2))
    move_in_queue(generation=waiting[1], to=QueueMove.FIRST)
    page = open_workspace(ada_client, f"?show={selected.pk}")
    expected = [old_run, late_run, waiting[1], waiting[0], newer_ended, ended]
    assert list_rail_ids(page) == [row.pk for row in expected]
    assert read_strip(page) == "2 running · 2 waiting"


def test_all_in_the_making_are_listed_beside_the_newest_films(ada_client, ada):
    for state, count in ((State.RUNNING, 10), (State.QUEUED, 8), (State.FAILED, 20)):
        for n in range(count):
            create_at(ada, n, state=state)
    page = open_workspace(ada_client)
    assert len(list_rail_ids(page)) == 18 + RECENT_LIMIT - 1  # the newest is on the stage
    assert read_strip(page) == "10 running · 8 waiting"


def test_of_very_many_the_rest_is_a_click_away(ada_client, ada):
    for n in range(LIVE_LIMIT + 5):
        create_at(ada, n)
    page = open_workspace(ada_client)
    assert read_strip(page) == f"{LIVE_LIMIT + 5} waiting Show all"
    assert len(page.card_states()) == LIVE_LIMIT
    link = page.find_one("*[@id='queue-strip']").find(".//a")
    assert link.get("href") == "/films/?of=making"


def test_what_is_in_the_trash_or_not_watched_is_not_there(ada_client, ada):
    create_at(ada, 1, state=State.FAILED, trashed_at=NOW)
    create_at(ada, 2, state=State.RUNNING, dismissed_at=NOW)
    page = open_workspace(ada_client)
    assert page.card_states() == {}
    assert read_strip(page) == "Nothing is in the making."


def test_a_poll_brings_the_counts_with_what_changed(ada_client, ada):
    running = create_running_generation(ada)
    create_at(ada, 1)
    url = poller_url(open_workspace(ada_client))
    transition(running, State.FAILED, now=NOW)
    assert read_strip(ParsedPage(poll_page(ada_client, url))) == "1 waiting"


def test_all_that_wait_are_cancelled_at_a_press_and_their_number_is_told(ada_client, ada):
    rows = [create_at(ada, n) for n in range(3)]
    running = create_at(ada, 9, state=State.RUNNING)
    response = ada_client.post(
        "/generations/cancel-waiting/", {"show": rows[0].pk}, headers=HTMX_HEADERS
    )
    text = "3 films cancelled. Nothing was charged; their settings are kept."
    assert json.loads(response["HX-Trigger"]) == {"studio:announce": text}
    page = ParsedPage(response)
    assert text in page.text
    assert page.card_states() == {
        rows[0].pk: "cancelled",  # on the stage, as before
        running.pk: "running",
        rows[2].pk: "cancelled",
        rows[1].pk: "cancelled",
    }
    plain = ada_client.post("/generations/cancel-waiting/", follow=True)
    assert "0 films cancelled." in plain.content.decode()


def test_a_move_is_told_and_shown_by_the_next_poll(ada_client, ada):
    rows = [create_at(ada, n) for n in range(3)]
    url = open_workspace(ada_client).find_one("*[@id='poller']").get("data-url")
    response = ada_client.post(
        f"/generations/{rows[2].pk}/move/", {"to": "first"}, headers=HTMX_HEADERS
    )
    assert "this one is next" in json.loads(response["HX-Trigger"])["studio:announce"].lower()
    page = ParsedPage(poll_page(ada_client, url))
    order = {pk: page.find_card(pk).get("data-order") for pk in (rows[0].pk, rows[1].pk)}
    assert all(text.startswith("1 ") for text in order.values())
    assert ada_client.post(f"/generations/{rows[2].pk}/move/", {"to": "away"}).status_code == 400
    told = ada_client.post(
        f"/generations/{rows[2].pk}/move/", {"to": "first"}, headers=HTMX_HEADERS
    )
    assert "Its turn stays" in told["HX-Trigger"]


def test_what_is_taken_back_is_cancelled_and_opens_in_the_form(ada_client, ada):
    waiting = create_at(ada, 1)
    url = f"/generations/{waiting.pk}/change/"
    response = ada_client.post(url)
    assert (response.status_code, response["Location"]) == (
        302,
        f"/create/veo3.1-pro/?from={waiting.pk}",
    )
    assert Generation.objects.get().state == State.CANCELLED
    again = ada_client.post(url, headers=HTMX_HEADERS)
    assert "no longer waits" in again["HX-Trigger"]


def test_takes_of_one_press_are_one_entry_and_one_strip_on_the_stage(ada_client, ada):
    takes = create_takes(ada, State.COMPLETED, State.RUNNING, State.QUEUED)
    other = create_at(ada, 30, state=State.FAILED)
    page = open_workspace(ada_client, f"?show={other.pk}")
    (group,) = page.find_one("*[@id='rail-list']").findall("section")
    assert [element_text(e) for e in group.findall(".//p[@class='take-title']")] == [
        "Take 1",
        "Take 2",
        "Take 3",
    ]

    page = open_workspace(ada_client, f"?show={takes[1].pk}")
    assert list_rail_ids(page) == [other.pk]
    stage = page.find_one("section[@id='stage']")
    assert [e.get("id") for e in stage.findall(".//*[@class='take']")] == [
        f"card-{takes[0].pk}",
        f"take-{takes[1].pk}",
        f"card-{takes[2].pk}",
    ]
    transition(takes[2], State.CANCELLED, now=NOW)
    answer = ParsedPage(poll_page(ada_client, poller_url(page)))
    assert answer.find_card(takes[2].pk).get("class") == "take"
    assert answer.card_states() == {takes[2].pk: "cancelled"}


@pytest.mark.parametrize(
    ("params", "shape"),
    [
        ({"aspect_ratio": "9:16"}, (2304, 4096)),
        ({"aspect_ratio": "1:1"}, (4096, 4096)),
        ({"aspect_ratio": "auto"}, (4096, 2304)),
        ({"aspect_ratio": ["9:16"]}, (4096, 2304)),
        ({"aspect_ratio": "0:9"}, (4096, 2304)),
        ({"aspect_ratio": "99999:1"}, (4096, 1024)),
        ("no parameters", (4096, 2304)),
    ],
    ids=str,
)
def test_the_screen_waits_in_the_shape_that_was_asked_for(ada_client, ada, params, shape):
    create_at(ada, 1, params=params)
    sizer = open_workspace(ada_client).find_one("*[@class='screen-shape']")
    assert (int(sizer.get("width")), int(sizer.get("height"))) == shape


def test_inputs_stand_under_the_prompt_and_shape_the_screen(ada_client, ada):
    picture = AssetFactory(owner=ada, width=600, height=800, name="door.png")
    params = {"prompt": "x", "image_urls": [picture.ref]}
    create_at(ada, 1, params=params, model_id="kling-o3-image-to-video")
    page = open_workspace(ada_client)
    sizer = page.find_one("*[@class='screen-shape']")
    (item,) = page.find_one("ul[@class='stage-inputs']").findall("li")
    assert item.find("a").get("href") == f"/library/{picture.pk}/file"
    assert "door.png" in element_text(item)
    assert (int(sizer.get("width")), int(sizer.get("height"))) == (3072, 4096)


def test_takes_at_the_end_of_the_list_are_shown_whole_or_not_at_all(ada_client, ada):
    takes = create_takes(ada, *(State.CANCELLED,) * 4)
    ids = [row.pk for row in takes]
    for n in range(RECENT_LIMIT - 1):
        create_at(ada, 10 + n, state=State.CANCELLED)
    selected = create_at(ada, 100, state=State.RUNNING)
    page = open_workspace(ada_client, f"?show={selected.pk}")
    assert list_rail_ids(page)[-4:] == ids  # one of them was within the limit
    takes[1].trashed_at = NOW
    takes[1].save(update_fields=["trashed_at"])
    page = open_workspace(ada_client, f"?show={selected.pk}")
    assert list_rail_ids(page)[-3:] == [ids[0], ids[2], ids[3]]
    create_at(ada, 50, state=State.CANCELLED)
    page = open_workspace(ada_client, f"?show={selected.pk}")
    assert set(list_rail_ids(page)).isdisjoint(ids)


def test_takes_of_which_some_have_ended_stay_together(ada_client, ada):
    states = (State.COMPLETED, State.RUNNING, State.QUEUED, State.COMPLETED)
    ids = [row.pk for row in create_takes(ada, *states)]
    for n in range(60):
        create_at(ada, 10 + n, state=State.CANCELLED)
    page = open_workspace(ada_client)
    assert list_rail_ids(page)[:4] == ids
    assert len(list_rail_ids(page)) == 4 + RECENT_LIMIT - 1  # the newest stands on the stage
