"""The models side by side: the same facts of each, one price for all, what a person pinned."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from evolink_studio.catalog import SPECS, Lifecycle
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.presenters.model_picker import build_common_settings
from tests.credits.conftest import create_allowance
from tests.factories import NOW, VEO, AssetFactory, GenerationFactory
from tests.form_pages import ParsedPage, element_text
from tests.generations.form_client import HTMX_HEADERS, open_create_page

pytestmark = pytest.mark.django_db

SEEDANCE = "doubao-seedance-1.0-pro-fast"
SORA = "sora-2-preview"
KLING = "kling-o3-image-to-video"
GROK = "grok-imagine-text-to-video"


def open_picker(client, selected_id=VEO) -> ParsedPage:
    """The list as the page asks for it when it is opened."""
    return ParsedPage(client.get(f"/models/?for={selected_id}", headers=HTMX_HEADERS))


def find_row(page, model_id):
    return page.find_one(f"tr[@id='model-{model_id}']")


def row_text(page, model_id) -> str:
    return element_text(find_row(page, model_id))


def list_rows(page) -> list[str]:
    return [row.get("id").removeprefix("model-") for row in page.find_all("tr[@data-words]")]


def test_the_page_of_the_form_names_the_chosen_model_and_asks_for_the_others_when_needed(
    ada_client,
):
    page = open_create_page(ada_client)
    assert "Veo 3.1 Pro" in element_text(page.find_one("button[@id='model-button']"))
    assert page.find_one("div[@id='model-list']").get("hx-get") == f"/models/?for={VEO}"
    assert page.find_all("tr[@data-words]") == []
    assert list_rows(open_picker(ada_client)) == list(SPECS)


def test_without_scripts_the_list_is_a_page_with_plain_links(ada_client):
    page = ParsedPage(ada_client.get(f"/models/?for={VEO}"))
    (link,) = find_row(page, SORA).findall("th/a")
    assert (link.get("href"), link.get("hx-post")) == (f"/create/{SORA}/", None)
    (chosen,) = find_row(page, VEO).findall("th/a")
    assert chosen.get("aria-current") == "true"


@pytest.mark.parametrize(
    ("model_id", "texts"),
    [
        (VEO, ["8 s", "up to 4K", "162 credits 8 s at 720p"]),
        (SEEDANCE, ["2–12 s", "up to 1080p", "4.5 credits 5 s at 720p"]),
        (SORA, ["4–12 s", "23.04 credits 4 s"]),
        (KLING, ["3–15 s", "27 credits 5 s at 720p", "Needs a picture"]),
        (GROK, ["6–10 s", "8.16 credits 6 s"]),
    ],
)
def test_each_model_says_how_long_and_fine_it_gets_and_the_price_of_the_same_film(
    ada_client, model_id, texts
):
    text = row_text(open_picker(ada_client), model_id)
    assert [part for part in texts if part not in text] == []


def test_the_columns_are_the_same_for_all(ada_client):
    page = open_picker(ada_client)
    codes = {
        model_id: find_row(page, model_id).get("data-features") for model_id in list_rows(page)
    }
    assert codes == {
        SEEDANCE: "words picture",
        VEO: "words picture frames",
        KLING: "picture frames sound",
        GROK: "words",
        SORA: "words picture",
    }
    cells = {len(find_row(page, model_id)) for model_id in codes}
    assert len(cells) == 1


def test_the_common_request_is_one_that_each_model_takes():
    for spec in SPECS.values():
        settings = build_common_settings(spec)
        errors = {error.field for error in spec.evaluate(settings).errors}
        assert errors <= {"prompt", "image_start"}, spec.id


def test_a_time_is_said_to_be_measured_once_films_were_made(ada_client, ada):
    assert "as documented" in row_text(open_picker(ada_client), VEO)
    begun = timezone.now() - timedelta(days=1)
    ended = begun + timedelta(seconds=50)
    GenerationFactory(owner=ada, state="completed", created_at=begun, finished_at=ended)
    assert "50 seconds measured here" in row_text(open_picker(ada_client), VEO)


def test_a_model_says_where_its_facts_come_from(ada_client):
    (summary,) = find_row(open_picker(ada_client), VEO).findall("th/span[@class='model-summary']")
    assert summary.get("title") == "EvoLink documentation: veo3.1-pro, checked on Nov. 20, 2026"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "Service ended"),
        ({"ends_on": date(2199, 1, 2)}, "Ends on"),
        ({"ends_on": None}, "Preview"),
        ({"ends_on": None, "lifecycle": Lifecycle.DEPRECATED, "replacement": VEO}, "Ends soon"),
        ({"lifecycle": Lifecycle.RETIRED}, "Service ended"),
    ],
)
def test_the_end_of_a_service_is_said_in_plain_words(ada_client, monkeypatch, changes, text):
    monkeypatch.setitem(SPECS, SORA, replace(SPECS[SORA], **changes))
    page = open_picker(ada_client)
    assert text in row_text(page, SORA)
    assert ("Replaced by Veo 3.1 Pro." in row_text(page, SORA)) == ("replacement" in changes)
    assert "Replaced by" not in row_text(page, VEO)


def test_a_model_outside_the_allowance_is_there_greyed_and_says_why(ada_client, ada):
    create_allowance(10, user=ada, model_ids=[VEO])
    page = open_picker(ada_client)
    assert find_row(page, VEO).get("data-denied") is None
    assert find_row(page, SORA).get("data-denied") is not None
    assert "Your allowance does not include Sora 2 Preview." in row_text(page, SORA)


def make_film(owner, model_id=VEO, **fields):
    generation = GenerationFactory(owner=owner, model_id=model_id, state="completed", **fields)
    asset = AssetFactory(owner=owner, kind="video", poster="posters/1.webp")
    GeneratedVideo.objects.create(generation=generation, asset=asset, position=0)
    return asset


def read_poster(page, model_id) -> str | None:
    images = find_row(page, model_id).findall("td/img")
    return images[0].get("src") if images else None


def test_a_model_shows_the_persons_own_best_film(ada_client, ada, eve):
    make_film(eve)
    assert read_poster(open_picker(ada_client), VEO) is None
    starred = make_film(ada, created_at=NOW, starred_at=NOW)
    newest = make_film(ada, created_at=NOW + timedelta(hours=1))
    make_film(ada, created_at=NOW + timedelta(hours=2), trashed_at=NOW + timedelta(hours=3))
    assert read_poster(open_picker(ada_client), VEO) == f"/library/{starred.pk}/poster/small"
    Generation.objects.update(starred_at=None)
    assert read_poster(open_picker(ada_client), VEO) == f"/library/{newest.pk}/poster/small"
    assert read_poster(open_picker(ada_client), SORA) is None


def test_the_picker_asks_the_same_few_questions_for_any_number_of_films(
    ada_client, ada, django_assert_max_num_queries
):
    for _ in range(3):
        make_film(ada)
        make_film(ada, SORA)
    open_picker(ada_client)
    with django_assert_max_num_queries(11):
        open_picker(ada_client)


def pin(client, model_id, action="pin", headers=HTMX_HEADERS):
    return client.post(f"/models/{model_id}/pin/", {"action": action, "for": VEO}, headers=headers)


def test_a_pinned_model_stands_first_for_its_person_until_it_is_unpinned(ada_client, eve):
    assert list_rows(ParsedPage(pin(ada_client, SORA)))[0] == SORA
    pin(ada_client, SORA)
    assert list_rows(open_picker(ada_client))[0] == SORA
    eve_client = Client()
    eve_client.force_login(eve)
    assert list_rows(open_picker(eve_client)) == list(SPECS)
    assert list_rows(ParsedPage(pin(ada_client, SORA, "unpin"))) == list(SPECS)
    assert pin(ada_client, SORA, headers={}).headers["Location"] == "/models/"
    assert pin(ada_client, "no-such-model").status_code == 404
