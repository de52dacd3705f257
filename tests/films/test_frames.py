"""From a frame of a film to the form of the next shot."""

from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

from evolink_studio.library.models import Asset
from tests.factories import VEO, GenerationFactory
from tests.films.made_films import get_video, make_film, make_playing_film
from tests.form_pages import ParsedPage

GROK = "grok-imagine-text-to-video"
KLING = "kling-o3-image-to-video"
SEEDANCE = "doubao-seedance-1.0-pro-fast"


def read_number(frame: Asset) -> int:
    """Which picture of the film it is: each is a little brighter than the one before."""
    with Image.open(frame.file) as picture:
        level = picture.convert("L").resize((1, 1)).getpixel((0, 0))
    return round(level / 10)


def use_frame(client, film, **data):
    return client.post(f"/films/{film.pk}/frame/", data)


def parse_target(response) -> tuple[str, str, str, Asset]:
    """(model, generation, slot, picture) of the form that is opened."""
    assert response.status_code == 302
    parts = urlsplit(response["Location"])
    query = parse_qs(parts.query)
    slot, _, pk = query["put"][0].partition(":")
    return parts.path.split("/")[2], query["from"][0], slot, Asset.objects.get(pk=pk)


def test_continue_from_the_end_opens_the_form_with_the_very_last_frame(ada_client, ada, tmp_path):
    film = make_playing_film(ada, tmp_path)
    model_id, source, slot, frame = parse_target(use_frame(ada_client, film, at="last"))
    assert (model_id, source, slot) == (VEO, str(film.pk), "image_urls")
    assert (frame.origin, frame.derived_from_id) == ("frame", get_video(film).pk)
    assert frame.derived_at_second == 2
    assert read_number(frame) == 23
    page = ParsedPage(ada_client.get(f"/create/{VEO}/?from={film.pk}&put=image_urls:{frame.pk}"))
    assert page.control_value("prompt") == film.prompt
    assert page.control_value("image_urls") == [frame.ref]


@pytest.mark.parametrize(
    ("model_id", "used", "expected"),
    [
        (VEO, [KLING], VEO),
        (GROK, [SEEDANCE, KLING, GROK], KLING),
        (GROK, [], SEEDANCE),
        ("a-model-of-yesterday", ["another"], SEEDANCE),
    ],
)
def test_the_shot_goes_on_with_its_model_else_the_last_used_else_the_first(
    ada_client, ada, tmp_path, model_id, used, expected
):
    film = make_playing_film(ada, tmp_path, model_id=model_id)
    for name in used:
        GenerationFactory(owner=ada, model_id=name)
    assert parse_target(use_frame(ada_client, film, at="last"))[0] == expected


def test_a_chosen_frame_goes_into_the_chosen_slot(ada_client, ada, tmp_path):
    film = make_playing_film(ada, tmp_path)
    answer = use_frame(ada_client, film, second="1.04", slot=f"{KLING}:image_end")
    model_id, _, slot, frame = parse_target(answer)
    assert (model_id, slot) == (KLING, "image_end")
    assert read_number(frame) == 12


def test_a_frame_can_just_be_kept(ada_client, ada, tmp_path):
    film = make_playing_film(ada, tmp_path)
    answer = use_frame(ada_client, film, second="1", keep="1")
    assert answer["Location"] == f"/films/{film.pk}/#frame"
    assert Asset.objects.filter(origin="frame").count() == 1


@pytest.mark.parametrize(
    "data", [{"second": "x"}, {"second": "-1"}, {"slot": "nowhere:image"}, {"at": "middle"}]
)
def test_what_cannot_be_read_is_said_and_makes_nothing(ada_client, ada, tmp_path, data):
    film = make_playing_film(ada, tmp_path)
    page = ada_client.post(f"/films/{film.pk}/frame/", data, follow=True).content.decode()
    assert "Choose it again." in page
    assert not Asset.objects.filter(origin="frame").exists()


def test_a_film_that_does_not_play_is_said(ada_client, ada):
    film = make_film(ada)
    answer = ada_client.post(f"/films/{film.pk}/frame/", {"at": "last"}, follow=True)
    assert 'class="banner"' in answer.content.decode()
    assert not Asset.objects.filter(origin="frame").exists()


def test_what_has_no_film_gives_no_frame(ada_client, ada):
    assert use_frame(ada_client, GenerationFactory(owner=ada), at="last").status_code == 404
