"""The cards among which a person chooses a model."""

from dataclasses import replace

import pytest

from evolink_studio.catalog import SPECS, Lifecycle
from tests.credits.conftest import create_allowance
from tests.factories import VEO
from tests.form_pages import ParsedPage, element_text
from tests.generations.form_client import open_create_page, post_form

pytestmark = pytest.mark.django_db

SEEDANCE = "doubao-seedance-1.0-pro-fast"
SORA = "sora-2-preview"


def find_model_card(page, model_id):
    return page.find_one(f"a[@href='/create/{model_id}/']")


def badge_texts(page, model_id) -> list[str]:
    return [
        element_text(badge)
        for badge in find_model_card(page, model_id).findall("span[@class='model-badges']/span")
    ]


@pytest.mark.parametrize(
    ("model_id", "limits"),
    [
        (VEO, ["8 s", "up to 4K"]),
        (SEEDANCE, ["up to 12 s", "up to 1080p"]),
        (SORA, ["up to 12 s"]),
    ],
)
def test_a_card_says_how_long_and_how_fine_the_film_can_get(ada_client, model_id, limits):
    assert badge_texts(open_create_page(ada_client), model_id)[-len(limits) :] == limits


def test_a_card_says_where_its_facts_come_from(ada_client):
    (summary,) = find_model_card(open_create_page(ada_client), VEO).findall(
        "span[@class='model-summary']"
    )
    assert summary.get("title") == "EvoLink documentation: veo3.1-pro, checked on Nov. 20, 2026"


def test_a_model_that_ends_names_the_one_to_use_instead(ada_client, monkeypatch):
    deprecated_spec = replace(SPECS[SORA], lifecycle=Lifecycle.DEPRECATED, replacement=VEO)
    monkeypatch.setitem(SPECS, SORA, deprecated_spec)
    page = open_create_page(ada_client)
    assert "Replaced by Veo 3.1 Pro." in element_text(find_model_card(page, SORA))
    assert "Replaced by" not in element_text(find_model_card(page, VEO))


def test_a_model_outside_the_allowance_is_there_greyed_and_says_why(ada_client, ada):
    create_allowance(10, user=ada, model_ids=[VEO])
    page = open_create_page(ada_client)
    assert find_model_card(page, VEO).get("data-denied") is None
    assert find_model_card(page, SORA).get("data-denied") is not None
    assert "Your allowance does not include Sora 2 Preview." in element_text(
        find_model_card(page, SORA)
    )


def test_switching_the_model_keeps_the_others_greyed(ada_client, ada):
    create_allowance(10, user=ada, model_ids=[VEO])
    page = ParsedPage(
        post_form(ada_client, VEO, {"from_model": SORA}, action="switch", is_htmx=True)
    )
    assert find_model_card(page, SORA).get("data-denied") is not None


def test_without_such_an_allowance_every_model_is_open(ada_client):
    page = open_create_page(ada_client)
    assert [link.get("href") for link in page.find_all("a[@data-denied]")] == []
