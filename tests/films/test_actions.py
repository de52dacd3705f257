"""What the bar of selected films and the panel of one film send."""

import json
import re

import pytest
from django.urls import reverse

from evolink_studio.films import services
from evolink_studio.films.models import FilmChange
from evolink_studio.generations.models import Generation
from evolink_studio.projects.models import Project
from tests.factories import NOW
from tests.films.films import make_film, reload

pytestmark = pytest.mark.django_db

URL = "/films/actions/"
HTMX = {"HX-Request": "true"}


def test_without_scripts_one_is_led_back_with_a_sentence_and_a_way_to_undo(ada, ada_client):
    films = [make_film(ada), make_film(ada)]
    data = {"action": "star", "id": [film.pk for film in films], "next": "/films/?starred=1"}

    answer = ada_client.post(URL, data)
    assert (answer.status_code, answer["Location"]) == (302, "/films/?starred=1")

    page = ada_client.get("/films/").content.decode()
    undo_url = reverse("undo_change", args=[FilmChange.objects.get().pk])
    assert "2 films starred." in page
    assert f'form="undo-form" formaction="{undo_url}"' in page

    ada_client.post(undo_url)
    assert all(reload(film).starred_at is None for film in films)


@pytest.mark.parametrize("url", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_nobody_is_led_to_another_place(ada, ada_client, url):
    answer = ada_client.post(URL, {"action": "star", "id": make_film(ada).pk, "next": url})
    assert answer["Location"] == "/films/"


def test_htmx_gets_a_line_with_undo_and_the_page_hears_which_films_changed(ada, ada_client):
    one, two = make_film(ada), make_film(ada)
    answer = ada_client.post(URL, {"action": "trash", "id": f"{one.pk},{two.pk}"}, headers=HTMX)
    assert "2 films are in the trash" in answer.content.decode()
    assert reverse("undo_change", args=[FilmChange.objects.get().pk]) in answer.content.decode()
    event = json.loads(answer["HX-Trigger"])["films-changed"]
    assert event == {"action": "trash", "ids": [one.pk, two.pk]}


def test_all_that_match_are_meant_by_the_query_of_the_page(ada, ada_client):
    project = Project.objects.create(owner=ada, name="Toothpaste", created_at=NOW)
    inside = [make_film(ada, project=project), make_film(ada, project=project)]
    outside = make_film(ada)
    data = {"action": "tag", "tag": "hero", "all": "1", "query": f"project={project.pk}"}
    ada_client.post(URL, data, headers=HTMX)
    assert all(film.tags.filter(name="hero").exists() for film in inside)
    assert not outside.tags.exists()


def test_a_strangers_films_are_passed_over_and_alone_they_are_not_found(ada, eve, ada_client):
    mine, other = make_film(ada), make_film(eve)
    ada_client.post(URL, {"action": "star", "id": [mine.pk, other.pk]})
    assert reload(mine).starred_at
    assert reload(other).starred_at is None
    assert ada_client.post(URL, {"action": "star", "id": other.pk}).status_code == 404


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"action": "star", "id": ""}, "Select films first."),
        ({"action": "tag", "tag": " "}, "1 to 40 characters"),
        ({"action": "tag", "tag": "Kunde, " + "x" * 41}, "1 to 40 characters"),
        ({"action": "collect", "collection": "x" * 81}, "1 to 80 characters"),
        ({"action": "project", "project": "99"}, "archived or no longer shared"),
        ({"action": "project", "project": "x"}, "archived or no longer shared"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(ada, ada_client, data, sentence):
    film = make_film(ada)
    before = Generation.objects.values().get()
    answer = ada_client.post(URL, {"id": film.pk, **data}, headers=HTMX)
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert "HX-Trigger" not in answer
    assert Generation.objects.values().get() == before


def test_an_action_that_does_not_exist_is_refused(ada, ada_client):
    assert ada_client.post(URL, {"action": "burn", "id": make_film(ada).pk}).status_code == 400


def test_others_changes_cannot_be_taken_back(ada, eve, ada_client):
    film = make_film(eve)
    change = services.star(owner=eve, film_ids=[film.pk], now=NOW).change
    answer = ada_client.post(reverse("undo_change", args=[change.pk]), headers=HTMX)
    assert "taken back already" in answer.content.decode()
    assert reload(film).starred_at == NOW


def test_the_panel_of_a_film_comes_back_as_it_is_now(ada, ada_client):
    film = make_film(ada)
    from_panel = {**HTMX, "HX-Target": "order-panel"}
    for data in ({"action": "tag", "tag": "<b>hero"}, {"action": "collect", "collection": "Reel"}):
        answer = ada_client.post(URL, {"id": film.pk, **data}, headers=from_panel)
    panel = answer.content.decode()
    assert 'id="order-panel"' in panel
    assert "&lt;b&gt;hero" in panel
    assert "Reel" in panel

    too_long = {"title": "x" * 121, "notes": "kept"}
    panel = ada_client.post(
        reverse("film_labels", args=[film.pk]), too_long, headers=from_panel
    ).content.decode()
    assert "x" * 121 in panel
    assert "aria-invalid" in panel
    assert (reload(film).title, reload(film).notes) == ("", "kept")


@pytest.mark.parametrize(
    ("data", "heading"),
    [
        ({"title": "Tea & <b>"}, "Tea &amp; &lt;b&gt;"),
        ({"title": ""}, "A fox in the snow"),
        ({"notes": "For the client"}, None),
        ({"title": "x" * 121}, None),
    ],
    ids=["a title", "none", "notes", "too long"],
)
def test_a_new_title_stands_above_the_film_at_once(ada, ada_client, data, heading):
    film = make_film(ada, title="Old", prompt="A fox in the snow")
    from_panel = {**HTMX, "HX-Target": "order-panel"}
    answer = ada_client.post(reverse("film_labels", args=[film.pk]), data, headers=from_panel)
    found = re.findall(r'<h1 id="film-title" hx-swap-oob="true">(.*?)</h1>', answer.text)
    assert found == ([heading] if heading else [])
