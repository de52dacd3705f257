"""The cards among which a person chooses a model."""

import pytest

from tests.credits.conftest import allow
from tests.factories import VEO
from tests.generations.pressing import press, seen
from tests.page import Page, words

pytestmark = pytest.mark.django_db

SEEDANCE = "doubao-seedance-1.0-pro-fast"
SORA = "sora-2-preview"


def model(page, model_id):
    return page.one(f"a[@href='/create/{model_id}/']")


def badges(page, model_id) -> list[str]:
    return [words(one) for one in model(page, model_id).findall("span[@class='model-badges']/span")]


@pytest.mark.parametrize(
    ("model_id", "limits"),
    [
        (VEO, ["8 s", "up to 4K"]),
        (SEEDANCE, ["up to 12 s", "up to 1080p"]),
        (SORA, ["up to 12 s"]),
    ],
)
def test_a_card_says_how_long_and_how_fine_the_film_can_get(tab, model_id, limits):
    assert badges(seen(tab), model_id)[-len(limits) :] == limits


def test_a_model_outside_the_allowance_is_there_greyed_and_says_why(tab, ada):
    allow(10, user=ada, model_ids=[VEO])
    page = seen(tab)
    assert model(page, VEO).get("data-denied") is None
    assert model(page, SORA).get("data-denied") is not None
    assert "Your allowance does not include Sora 2 Preview." in words(model(page, SORA))


def test_switching_the_model_keeps_the_others_greyed(tab, ada):
    allow(10, user=ada, model_ids=[VEO])
    page = Page(press(tab, VEO, {"from_model": SORA}, where="switch", htmx=True))
    assert model(page, SORA).get("data-denied") is not None


def test_without_such_an_allowance_every_model_is_open(tab):
    page = seen(tab)
    assert [link.get("href") for link in page.all("a[@data-denied]")] == []
