"""Films side by side."""

from datetime import timedelta
from decimal import Decimal

import pytest

from evolink_studio.films.presenters.comparison import mark_differences
from tests.factories import NOW, GenerationFactory
from tests.films.made_films import make_film
from tests.form_pages import ParsedPage, element_text

GROK = "grok-imagine-text-to-video"


def open_comparison(client, *films) -> ParsedPage:
    response = client.get("/films/compare/", {"ids": ",".join(str(it) for it in films)})
    assert response.status_code == 200
    return ParsedPage(response)


def list_letters(page: ParsedPage) -> list[str]:
    return [element_text(it) for it in page.find_all("a[@class='compare-name']")]


def read_rows(page: ParsedPage) -> dict[str, list[str]]:
    rows = page.find_all("tbody/tr")
    return {
        element_text(row.find("th")): [element_text(cell) for cell in row.findall("td")]
        for row in rows
    }


def test_films_stand_in_the_order_given_with_what_differs_marked(ada_client, ada):
    cheap = make_film(
        ada,
        title="Cheap",
        model_id=GROK,
        params={"prompt": "x", "duration": 6, "aspect_ratio": "16:9"},
        credits_charged=Decimal("8.16"),
    )
    dear = make_film(
        ada,
        title="Dear",
        params={"prompt": "x", "quality": "4k", "aspect_ratio": "16:9"},
        finished_at=NOW + timedelta(minutes=10),
    )
    page = open_comparison(ada_client, dear.pk, cheap.pk)
    assert list_letters(page) == ["A Dear", "B Cheap"]
    rows = read_rows(page)
    assert rows["Differs: Model"] == ["Veo 3.1 Pro", "Grok Imagine"]
    assert rows["Differs: Quality"] == ["4K", "–"]
    assert rows["Aspect ratio"] == ["16:9", "16:9"]
    assert rows["Differs: Credits"] == ["25.7", "8.16"]
    assert rows["Differs: Time to make it"] == ["10 minutes", "3 minutes"]


def test_what_is_not_ones_own_or_has_no_film_is_left_out_and_said(ada_client, ada, eve):
    own, other, foreign = make_film(ada), make_film(ada), make_film(eve)
    waiting = GenerationFactory(owner=ada)
    page = open_comparison(ada_client, own.pk, foreign.pk, waiting.pk, "x", other.pk, own.pk)
    assert len(list_letters(page)) == 2
    assert "is left out" in page.text


def test_at_most_four_are_compared(ada_client, ada):
    films = [make_film(ada).pk for _ in range(5)]
    page = open_comparison(ada_client, *films)
    assert len(list_letters(page)) == 4
    assert "At most four" in page.text
    hrefs = [it.get("href", "") for it in page.find_all("a[@class='link']")]
    assert f"/films/compare/?ids={films[0]},{films[2]},{films[3]}" in hrefs


@pytest.mark.parametrize("ids", ["", "x", "1", "0,-1", "9" * 900, ",,,"])
def test_with_fewer_than_two_the_page_says_how_it_is_done(ada_client, ids):
    assert "press Compare" in open_comparison(ada_client, ids).text


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [
        (["a red fox runs", "a red dog runs"], [["fox"], ["dog"]]),
        (["a fox", "a fox", "a fox now"], [[], [], ["now"]]),
        (["a fox", ""], [["a fox"], []]),
        (["one\ntwo", "one two"], [[], []]),
        (["a b c", "a c", "b c"], [["a b"], [], []]),
    ],
)
def test_words_that_another_prompt_lacks_are_marked(prompts, expected):
    marked = mark_differences(prompts)
    assert ["".join(part.text for part in parts) for parts in marked] == prompts
    assert [[part.text.strip() for part in parts if part.differs] for parts in marked] == expected


def test_the_longest_prompts_are_compared_at_once():
    mark_differences(["a " * 2500 + "b", "a " * 2499 + "c d", "x " * 2500])


def test_a_film_of_yesterdays_model_can_be_compared(ada_client, ada):
    films = (make_film(ada, model_id="a-model-of-yesterday", params=["x"]), make_film(ada))
    assert read_rows(open_comparison(ada_client, *(it.pk for it in films)))["Differs: Model"] == [
        "a-model-of-yesterday",
        "Veo 3.1 Pro",
    ]
