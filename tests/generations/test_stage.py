"""The stage, and dropping what was not sent yet."""

import pytest

from evolink_studio.generations.models import Generation
from evolink_studio.generations.services import cancel
from evolink_studio.generations.states import State
from tests.factories import NOW, GenerationFactory
from tests.generations.pressing import HTMX
from tests.generations.watching import opened, poll, poller, running
from tests.page import Page, words

pytestmark = pytest.mark.django_db


def test_any_of_mine_can_be_put_on_the_stage_and_each_stands_there_once(tab, ada):
    rows = [running(ada) for _ in range(15)]
    page = Page(tab.get(f"/show/{rows[0].pk}/", headers=HTMX))
    (staged,) = page.one("section[@id='stage']").findall(".//*[@data-generation]")
    assert staged.get("data-generation") == str(rows[0].pk)
    assert len(page.cards()) == len(page.all("*[@data-generation]")) == 13


def test_nobody_elses_can(tab, eve):
    assert tab.get(f"/show/{running(eve).pk}/").status_code == 404
    assert tab.get("/show/999999/").status_code == 404


@pytest.mark.parametrize("staged", ["", "1"])
def test_what_was_not_sent_yet_can_be_dropped(tab, ada, staged):
    generation = GenerationFactory(owner=ada)
    address = f"/generations/{generation.pk}/cancel/"
    page = Page(tab.post(address, {"staged": staged}, headers=HTMX))
    assert page.cards() == {generation.pk: "cancelled"}
    assert "Nothing was charged." in words(page.card(generation.pk))


def test_dropping_works_without_scripts(tab, ada):
    generation = GenerationFactory(owner=ada)
    response = tab.post(f"/generations/{generation.pk}/cancel/", follow=True)
    assert Page(response).cards() == {generation.pk: "cancelled"}


@pytest.mark.parametrize("state", [state for state in State if state != State.QUEUED])
def test_too_late_the_card_says_how_it_stands_and_nothing_changes(tab, ada, state):
    generation = GenerationFactory(owner=ada, state=state)
    before = Generation.objects.values().get()
    page = Page(tab.post(f"/generations/{generation.pk}/cancel/", headers=HTMX))
    assert page.cards() == {generation.pk: state.value}
    assert Generation.objects.values().get() == before


def test_nobody_drops_the_wishes_of_others(tab, eve):
    theirs = GenerationFactory(owner=eve)
    assert tab.post(f"/generations/{theirs.pk}/cancel/").status_code == 404
    assert Generation.objects.get().state == "queued"


def test_dropping_is_told_to_the_other_tabs(tab, ada):
    generation = GenerationFactory(owner=ada)
    running(ada)
    address = poller(opened(tab))
    cancel(generation=generation, now=NOW)
    assert Page(poll(tab, address)).cards() == {generation.pk: "cancelled"}
