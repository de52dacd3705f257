"""The page of one film, whatever became of it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import translation

from evolink_studio.films.presenters import film_page
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from tests.factories import NOW, AssetFactory, GenerationFactory
from tests.films.made_films import add_result, get_video, make_film
from tests.form_pages import ParsedPage, element_text

KLING = "kling-o3-image-to-video"
HOSTILE_PARAMS = ([], "x", 5, {"image_start": {"a": 1}, "shots": "x", "prompt": ["y"]})


def open_film(client, film, query="") -> ParsedPage:
    response = client.get(f"/films/{film.pk}/{query}")
    assert response.status_code == 200
    return ParsedPage(response)


def read_pairs(page: ParsedPage) -> dict[str, str]:
    """Labels and values of all lists of facts; of a label that comes again the first."""
    pairs = {}
    for it in page.find_all("dl/div"):
        if it.find("dd") is not None:
            pairs.setdefault(element_text(it.find("dt")), element_text(it.find("dd")))
    return pairs


@pytest.mark.parametrize("state", State)
def test_a_generation_has_a_page_in_every_state(ada_client, ada, state):
    row = GenerationFactory(owner=ada, state=state)
    page = open_film(ada_client, row)
    assert str(State(state).label) in page.text
    assert page.find_all("video") == []


def test_the_page_says_what_made_the_film_what_it_cost_and_how_long_it_took(ada_client, ada):
    film = make_film(
        ada, sent_at=NOW + timedelta(seconds=4), accepted_at=NOW + timedelta(seconds=5)
    )
    page = open_film(ada_client, film)
    facts = read_pairs(page)
    assert (facts["Model"], facts["Quality"]) == ("Veo 3.1 Pro", "720p")
    assert (facts["Estimated"], facts["Reserved"], facts["Charged"]) == ("162", "25.7", "25.7")
    assert "+ 4 seconds" in facts["Sent"]
    assert facts["Task at EvoLink"] == film.task_id
    assert page.find_one("blockquote").text == "A cat playing piano"
    assert page.find_one("video").get("src") == f"/library/{get_video(film).pk}/file"


@pytest.mark.parametrize(
    ("columns", "title"),
    [
        ({"title": "Take of the day"}, "Take of the day"),
        ({"prompt": "one two three four five six seven eight nine ten eleven"}, "ten…"),
        ({"prompt": "", "params": {}}, "Veo 3.1 Pro ·"),
    ],
)
def test_the_page_is_called_by_the_title_else_by_the_first_words_of_the_prompt(
    ada_client, ada, columns, title
):
    page = open_film(ada_client, make_film(ada, **columns))
    assert title in element_text(page.find_one("h1"))
    assert title in element_text(page.find_one("title"))


def test_its_pictures_stand_there_with_what_they_are_to_it(ada_client, ada):
    first, last, reference = (AssetFactory(owner=ada) for _ in range(3))
    params = {
        "prompt": "A dog",
        "image_start": first.ref,
        "image_end": last.ref,
        "image_urls": [reference.ref, "asset:987654"],
    }
    page = open_film(ada_client, make_film(ada, model_id=KLING, params=params))
    items = page.find_all("li[@class='film-input']")
    labels = [element_text(it.find(".//strong")) for it in items]
    assert labels == ["First frame", "Last frame", "Reference picture", "Reference picture"]
    assert [link.get("href") for it in items for link in it.findall("a")] == [
        f"/library/{asset.pk}/file" for asset in (first, last, reference)
    ]
    assert "This file was deleted." in element_text(items[-1])


def test_only_several_results_are_listed_and_each_can_be_chosen(ada_client, ada):
    film = make_film(ada)
    assert open_film(ada_client, film).find_all("*[@data-result]") == []
    second = add_result(film, 3)
    page = open_film(ada_client, film, "?result=4")
    assert [it.get("data-result") for it in page.find_all("*[@data-result]")] == ["1", "4"]
    assert page.find_one("video").get("src") == f"/library/{second.pk}/file"
    for query in ("?result=2", "?result=0", "?result=x", "?result=" + "9" * 30):
        video = open_film(ada_client, film, query).find_one("video")
        assert video.get("src") == f"/library/{get_video(film).pk}/file"


def test_newer_and_older_lead_on_and_keep_the_list_one_came_from(ada_client, ada, eve):
    older, film, newer = (
        make_film(ada, created_at=NOW - timedelta(hours=hours)) for hours in (3, 2, 1)
    )
    make_film(ada, created_at=NOW, trashed_at=NOW)
    make_film(eve, created_at=NOW)
    page = open_film(ada_client, film, "?in=q%3Dpiano%26nonsense%3D1")
    query = "?in=q%3Dpiano"
    assert page.find_one("a[@rel='prev']").get("href") == f"/films/{newer.pk}/{query}"
    assert page.find_one("a[@rel='next']").get("href") == f"/films/{older.pk}/{query}"
    assert (
        page.find_one("a[@data-back-to-list='']").get("href").startswith("/films/?q=piano&through=")
    )
    assert open_film(ada_client, newer).find_all("a[@rel='prev']") == []


def test_a_film_of_several_lengths_says_its_price_of_a_second(ada_client, ada):
    film = make_film(ada, seconds=8, credits_charged=Decimal(20))
    assert read_pairs(open_film(ada_client, film))["Per second"] == "2.5"


@pytest.mark.parametrize("params", HOSTILE_PARAMS)
@pytest.mark.parametrize("model_id", [KLING, "a-model-of-yesterday"])
def test_no_stored_value_keeps_the_page_from_opening(ada_client, ada, params, model_id):
    film = make_film(ada)
    Generation.objects.filter(pk=film.pk).update(params=params, model_id=model_id)
    open_film(ada_client, film)


def test_keys_are_named_by_the_list_of_all_keys_in_each_language():
    with translation.override("de"):
        names = [str(key) for keys, _text in film_page.PLAYER_KEYS for key in keys]
    assert "Leertaste" in names
    assert "Space" not in names


def test_what_is_done_by_a_bracket_has_a_letter_too(ada_client, ada):
    """A German keyboard has brackets only with AltGr."""
    _older, film, _newer = (
        make_film(ada, created_at=NOW - timedelta(hours=hours)) for hours in (3, 2, 1)
    )
    page = open_film(ada_client, film)
    assert page.find_one("a[@rel='prev']").get("aria-keyshortcuts") == "b ["
    assert page.find_one("a[@rel='next']").get("aria-keyshortcuts") == "n ]"
    for keys_page in (page, ParsedPage(ada_client.get(reverse("palette")))):
        rows = [[kbd.text for kbd in it.findall("kbd")] for it in keys_page.find_all("dl/div/dt")]
        assert ["B", "["] in rows
        assert ["N", "]"] in rows
