"""The list of shots while it is being written: nothing is called wrong that is not there yet."""

import pytest

from tests.form_pages import ParsedPage
from tests.generations.form_client import post_form

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"


def refresh_form(client, fields) -> ParsedPage:
    return ParsedPage(
        post_form(client, KLING, {"multi_shot": "true", **fields}, action="refresh", is_htmx=True)
    )


def shot_fields(number, prompt="", duration="") -> dict[str, str]:
    return {f"shots-{number}-prompt": prompt, f"shots-{number}-duration": duration}


def test_switching_shots_on_shows_the_first_one_at_once(ada_client):
    page = refresh_form(ada_client, {})
    assert page.control_value("shots-0-prompt") == ""
    assert page.error_texts() == {}


def test_adding_to_the_first_empty_shot_gives_two(ada_client):
    page = refresh_form(ada_client, {**shot_fields(0), "_do": "shots:add"})
    assert page.control_value("shots-1-prompt") == ""
    assert page.find_controls("shots-2-prompt") == []
    assert page.error_texts() == {}


@pytest.mark.parametrize(
    "rows",
    [
        {**shot_fields(0), **shot_fields(1)},
        shot_fields(0, prompt="A door"),
        shot_fields(0, duration="2"),
        {**shot_fields(0, "A door", "2"), **shot_fields(1, "opens")},
        {**shot_fields(0, "A door", "2"), **shot_fields(1)},
        {**shot_fields(0, "A door", "2"), "_do": "shots:add"},
    ],
)
def test_a_shot_that_is_not_written_yet_is_not_called_wrong(ada_client, rows):
    assert refresh_form(ada_client, rows).error_texts() == {}


def test_written_shots_that_do_not_add_up_are_said_to(ada_client):
    page = refresh_form(
        ada_client, {**shot_fields(0, "A door", "2"), **shot_fields(1, "opens", "2")}
    )
    assert "4 s" in page.error_text("shots")


def test_at_the_press_a_mistake_stands_at_its_own_shot_behind_an_empty_one(ada_client):
    page = ParsedPage(
        post_form(
            ada_client, KLING, {"multi_shot": "true", **shot_fields(0), **shot_fields(1, "opens")}
        )
    )
    assert page.error_text("shots-0-duration") == ""
    assert page.error_text("shots-1-duration")


def test_the_button_for_one_more_is_named_after_what_it_adds(ada_client):
    page = refresh_form(ada_client, shot_fields(0))
    add_buttons = [b for b in page.find_all("button") if b.get("value") == "shots:add"]
    assert ["".join(button.itertext()).strip() for button in add_buttons] == ["Add a shot"]
