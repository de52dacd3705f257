"""A press on a page that says how its rail is laid: only what is not there is drawn."""

from datetime import timedelta

import pytest
import time_machine

from evolink_studio.generations.models import Generation
from evolink_studio.generations.queries import RECENT_LIMIT
from evolink_studio.generations.services import record_heartbeat
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from tests.factories import NOW, VEO, GenerationFactory
from tests.generations.pressing import press
from tests.generations.watching import opened, poll, poller, progress, running
from tests.page import Page

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def noon():
    """The worker is there, and it is noon."""
    with time_machine.travel(NOW + timedelta(hours=1), tick=False) as clock:
        record_heartbeat(worker="here", disk_free_bytes=10**12, now=NOW + timedelta(hours=1))
        yield clock


def kept(ada, count: int) -> list[Generation]:
    """Ended generations, the newest last."""
    moments = [NOW + timedelta(minutes=n) for n in range(count)]
    return [GenerationFactory(owner=ada, state=State.FAILED, created_at=at) for at in moments]


def said(page: Page) -> dict[str, object]:
    """What the page's inputs tell of its desk when the button is pressed."""
    told = [e for e in page.all("input") if e.get("form") == "generate"]
    return {
        "_since": [e.get("value") for e in told if e.get("name") == "_since"],
        "_rail": [e.get("value") for e in told if e.get("name") == "_rail"],
    }


def numbers(elements) -> list[int]:
    return [int(element.get("id").removeprefix("card-")) for element in elements]


def by_swap(answer: Page, how: str) -> list[int]:
    return numbers(e for e in answer.all("article") if e.get("hx-swap-oob") == how)


def staged(answer: Page) -> list[int]:
    return numbers(answer.one("section[@id='stage']").findall(".//article"))


BEFORE = "afterbegin:#rail-list"


def test_the_new_card_takes_the_stage_and_what_stood_there_goes_before_the_rail(tab, ada):
    rows = kept(ada, 3)
    page = opened(tab)
    assert said(page)["_rail"] == [str(rows[1].pk), str(rows[0].pk)]
    answer = Page(press(tab, VEO, said(page), htmx=True))
    made = Generation.objects.latest("pk")
    assert staged(answer) == [made.pk]
    assert by_swap(answer, BEFORE) == [rows[2].pk]
    assert by_swap(answer, "delete") == by_swap(answer, "morph") == []
    assert len(answer.cards()) == 2
    assert answer.one("form[@id='generate']").get("data-model") == VEO
    assert answer.one("*[@id='usage']").get("hx-swap-oob") == "morph"
    live = answer.one("*[@id='poller']")
    assert live.get("hx-swap-oob") == "morph"
    assert poll(tab, live.get("hx-get")).status_code == 204


def test_the_rail_keeps_its_length(tab, ada):
    rows = kept(ada, RECENT_LIMIT + 4)
    page = opened(tab)
    answer = Page(press(tab, VEO, said(page), htmx=True))
    assert by_swap(answer, BEFORE) == [rows[-1].pk]
    assert by_swap(answer, "delete") == [rows[-RECENT_LIMIT].pk]
    after = numbers(opened(tab).one("*[@id='rail-list']").findall("article"))
    before = [int(pk) for pk in said(page)["_rail"]]
    assert after == [rows[-1].pk, *before][: RECENT_LIMIT - 1]


def test_what_changed_meanwhile_is_brought_along_and_nothing_is_missed_later(tab, ada):
    older, newer = running(ada), running(ada)
    page = opened(tab)
    progress(older, 40)
    answer = Page(press(tab, VEO, said(page), htmx=True))
    assert by_swap(answer, "morph") == [older.pk]
    assert by_swap(answer, BEFORE) == [newer.pk]
    made = Generation.objects.latest("pk")
    transition(made, State.SENDING, now=NOW)
    news = Page(poll(tab, poller(answer)))
    assert news.cards() == {made.pk: "sending"}
    assert news.card(made.pk).get("class") == "stage-card"


def test_what_another_tab_made_meanwhile_stands_in_its_place(tab, ada):
    (staged_before,) = kept(ada, 1)
    page = opened(tab)
    other = GenerationFactory(owner=ada, state=State.FAILED, created_at=NOW + timedelta(minutes=9))
    answer = Page(press(tab, VEO, said(page), htmx=True))
    # Each is put before all others, so the newest is put last.
    assert by_swap(answer, BEFORE) == [staged_before.pk, other.pk]


def test_beside_a_film_that_plays_the_new_card_goes_before_the_rail(tab, ada):
    rows = kept(ada, 3)
    page = opened(tab)
    told = said(page) | {"keep": str(rows[2].pk)}
    answer = Page(press(tab, VEO, told, htmx=True))
    assert staged(answer) == [rows[2].pk]
    assert by_swap(answer, BEFORE) == [Generation.objects.latest("pk").pk]


def test_the_first_one_takes_the_place_of_the_welcome(tab, ada):
    answer = Page(press(tab, VEO, said(opened(tab)), htmx=True))
    assert staged(answer) == [Generation.objects.get().pk]
    assert by_swap(answer, BEFORE) == []
    assert answer.all("*[@class='welcome']") == []


def test_a_rail_that_is_laid_otherwise_is_laid_anew(tab, ada):
    rows = kept(ada, 4)
    page = opened(tab)
    since = {"_since": said(page)["_since"]}
    turned = {"_rail": [str(rows[0].pk), str(rows[1].pk), str(rows[2].pk)]}
    gap = {"_rail": [str(rows[2].pk), str(rows[0].pk)]}
    for told in (turned, gap):
        answer = Page(press(tab, VEO, since | told, htmx=True))
        assert answer.one("*[@id='workspace']").get("hx-swap-oob") == "morph"
        assert by_swap(answer, BEFORE) == []


def test_the_same_form_again_does_not_put_its_card_in_two_places(tab, ada):
    rows = kept(ada, 2)
    page = opened(tab)
    key = "6f1c3c0e-5f0c-4f63-9d4a-0c1f4a1b2c3d"
    press(tab, VEO, said(page), htmx=True, key=key)
    made = Generation.objects.latest("pk")
    told = said(opened(tab, f"?show={rows[1].pk}"))
    assert str(made.pk) in told["_rail"]
    answer = Page(press(tab, VEO, told, htmx=True, key=key))
    assert answer.one("*[@id='workspace']").get("hx-swap-oob") == "morph"
    assert len(answer.all(f"*[@id='card-{made.pk}']")) == 1
