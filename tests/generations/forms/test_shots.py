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


def read_shots(page) -> list[tuple[object, object]]:
    return [
        (page.control_value(f"shots-{n}-prompt"), page.control_value(f"shots-{n}-duration"))
        for n in range(6)
        if page.find_controls(f"shots-{n}-prompt")
    ]


def test_switching_shots_on_shows_the_first_one_at_once(ada_client):
    page = refresh_form(ada_client, {"prompt": ""})
    assert read_shots(page) == [("", "")]
    assert page.error_texts() == {}


def test_switching_shots_on_begins_with_the_prompt_which_stays(ada_client):
    page = refresh_form(ada_client, {"prompt": "A door opens", "duration": "7"})
    assert read_shots(page) == [("A door opens", "7")]
    assert page.control_value("prompt") == "A door opens"
    assert page.error_texts() == {}


@pytest.mark.parametrize(
    "rows", [shot_fields(0), shot_fields(0, "Own words", "2"), {"multi_shot": "false"}]
)
def test_the_prompt_goes_into_no_list_that_is_in_use_or_switched_off(ada_client, rows):
    page = refresh_form(ada_client, {"prompt": "A door opens", **rows})
    shots = [prompt for prompt, _seconds in read_shots(page)]
    assert "A door opens" not in shots
    assert page.control_value("prompt") == "A door opens"


def find_total_buttons(page) -> list[str]:
    buttons = [b for b in page.find_all("button") if b.get("value") == "shots:total"]
    return ["".join(button.itertext()).strip() for button in buttons]


def test_one_press_sets_the_length_to_what_the_shots_add_up_to(ada_client):
    shots = {**shot_fields(0, "A door", "4"), **shot_fields(1, "opens", "5")}
    assert find_total_buttons(refresh_form(ada_client, shots)) == ["Set the length to 9 s"]
    page = refresh_form(ada_client, {**shots, "_do": "shots:total"})
    assert page.control_value("duration") == "9"
    assert find_total_buttons(page) == []
    assert page.error_texts() == {}


@pytest.mark.parametrize("seconds", ["1", "15", "x", ""])
def test_a_length_that_the_model_does_not_take_is_not_offered(ada_client, seconds):
    shots = {**shot_fields(0, "A door", "1"), **shot_fields(1, "opens", seconds)}
    assert find_total_buttons(refresh_form(ada_client, shots)) == []
    page = refresh_form(ada_client, {**shots, "duration": "7", "_do": "shots:total"})
    assert page.control_value("duration") == "7"


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
