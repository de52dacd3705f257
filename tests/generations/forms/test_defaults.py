"""A default that nobody touched follows the mode, on a plain press as on every other way."""

import json

import pytest

from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from tests.factories import AssetFactory, GenerationFactory
from tests.form_pages import ParsedPage
from tests.generations.form_client import make_numbered_image, open_create_page, post_form

pytestmark = pytest.mark.django_db

SEEDANCE = "doubao-seedance-1.0-pro-fast"
RATIO = "aspect_ratio"


def press(client, values, **files) -> Generation:
    """The button of the page as it stands."""
    response = post_form(client, SEEDANCE, values, **files)
    assert response.status_code == 302, ParsedPage(response).error_texts()
    return Generation.objects.latest("pk")


def fill_in(page, **values) -> dict[str, object]:
    """What the form of this page sends, with these values changed; None for unticked."""
    form = {"prompt": "A cat", **page.form_values()} | {"prompt": "A cat"} | values
    return {name: value for name, value in form.items() if value is not None}


def refresh_form(client, values) -> ParsedPage:
    return ParsedPage(post_form(client, SEEDANCE, values, action="refresh"))


def test_with_a_picture_the_untouched_ratio_is_adaptive(ada_client):
    page = open_create_page(ada_client, SEEDANCE)
    assert page.control_value(RATIO) == "16:9"
    generation = press(ada_client, fill_in(page), image_urls=make_numbered_image(1, 400, 400))
    assert generation.params[RATIO] == "adaptive"
    assert len(generation.params["image_urls"]) == 1


def test_and_16_to_9_again_without_one(ada_client, ada):
    page = refresh_form(ada_client, {"image_urls": AssetFactory(owner=ada).ref})
    assert page.control_value(RATIO) == "adaptive"
    generation = press(ada_client, fill_in(page, image_urls=None))
    assert generation.params[RATIO] == "16:9"
    assert generation.params["image_urls"] == []


@pytest.mark.parametrize("ratio", ["9:16", "21:9"])
def test_a_ratio_that_was_chosen_stays(ada_client, ratio):
    page = open_create_page(ada_client, SEEDANCE)
    generation = press(
        ada_client, fill_in(page, **{RATIO: ratio}), image_urls=make_numbered_image(1, 400, 400)
    )
    assert generation.params[RATIO] == ratio


def test_who_chose_another_ratio_and_went_back_has_chosen(ada_client):
    page = open_create_page(ada_client, SEEDANCE)
    page = refresh_form(ada_client, fill_in(page, **{RATIO: "9:16"}))
    page = refresh_form(ada_client, fill_in(page, **{RATIO: "16:9"}))
    generation = press(ada_client, fill_in(page), image_urls=make_numbered_image(1, 400, 400))
    assert generation.params[RATIO] == "16:9"


def test_a_chosen_16_to_9_outlives_the_picture_it_was_chosen_with(ada_client, ada):
    picture = AssetFactory(owner=ada).ref
    page = refresh_form(ada_client, {"image_urls": picture})
    page = refresh_form(ada_client, fill_in(page, **{RATIO: "16:9"}))
    page = refresh_form(ada_client, fill_in(page, image_urls=None))
    page = refresh_form(ada_client, fill_in(page, image_urls=picture))
    assert page.control_value(RATIO) == "16:9"


def test_the_settings_of_a_film_follow_too(ada_client, ada):
    params = {"prompt": "A dog", RATIO: "16:9", "image_urls": [], "duration": 5, "quality": "1080p"}
    film = GenerationFactory(owner=ada, model_id=SEEDANCE, params=params, state=State.COMPLETED)
    page = open_create_page(ada_client, SEEDANCE, f"?from={film.pk}")
    generation = press(ada_client, page.form_values(), image_urls=make_numbered_image(1, 400, 400))
    assert generation.params[RATIO] == "adaptive"


def test_a_refused_plain_press_shows_the_default_of_the_new_mode(ada_client):
    page = open_create_page(ada_client, SEEDANCE)
    values = {**page.form_values(), "prompt": ""}
    refused_page = ParsedPage(
        post_form(ada_client, SEEDANCE, values, image_urls=make_numbered_image(1, 400, 400))
    )
    assert refused_page.control_value(RATIO) == "adaptive"
    assert press(ada_client, fill_in(refused_page)).params[RATIO] == "adaptive"


def test_a_default_that_is_none_any_more_is_sent_as_it_was_shown(ada_client):
    """A page that stood open while the studio was renewed."""
    values = {"quality": "720p", "_defaults": json.dumps({"quality": "720p"})}
    assert press(ada_client, {"prompt": "A cat", **values}).params["quality"] == "720p"


@pytest.mark.parametrize(
    "defaults",
    [
        "",
        "null",
        "[]",
        "{",
        '"x"',
        "[" * 5000,
        '{"aspect_ratio": ' * 3000,
        '{"aspect_ratio": {}, "no_such": 1, "": [], "prompt": "A cat"}',
        '{"quality": %s}' % ("9" * 5000),
        '{"image_urls": []}',
    ],
)
def test_hostile_defaults_change_nothing(ada_client, defaults):
    values = {"prompt": "A cat", RATIO: "9:16", "_defaults": defaults}
    assert press(ada_client, values).params[RATIO] == "9:16"
    assert Generation.objects.get().params["prompt"] == "A cat"


def test_a_list_in_the_defaults_is_compared_with_rows(ada_client):
    shots = [{"prompt": "a", "duration": "5"}]
    values = {"shots-0-prompt": "a", "shots-0-duration": "5", "multi_shot": "true"}
    page = ParsedPage(
        post_form(
            ada_client,
            "kling-o3-image-to-video",
            {**values, "_defaults": json.dumps({"shots": shots})},
            action="refresh",
        )
    )
    assert page.control_value("shots-0-prompt") == "a"


def test_a_switch_of_models_takes_choices_along_and_leaves_defaults(ada_client, ada):
    page = open_create_page(ada_client, "grok-imagine-text-to-video")
    assert page.control_value(RATIO) == "16:9"
    values = {**page.form_values(), "from_model": "grok-imagine-text-to-video"}
    switched = ParsedPage(post_form(ada_client, SEEDANCE, values, action="switch", is_htmx=True))
    page = refresh_form(
        ada_client, {**switched.form_values(), "image_urls": AssetFactory(owner=ada).ref}
    )
    assert page.control_value(RATIO) == "adaptive"
