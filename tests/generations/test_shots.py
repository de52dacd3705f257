"""The list of shots while it is being written: nothing is called wrong that is not there yet."""

import pytest

from tests.generations.pressing import press
from tests.page import Page

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"


def changed(tab, typed) -> Page:
    return Page(press(tab, KLING, {"multi_shot": "true", **typed}, where="refresh", htmx=True))


def shot(number, prompt="", duration="") -> dict[str, str]:
    return {f"shots-{number}-prompt": prompt, f"shots-{number}-duration": duration}


def test_switching_shots_on_shows_the_first_one_at_once(tab):
    page = changed(tab, {})
    assert page.value("shots-0-prompt") == ""
    assert page.errors() == {}


def test_adding_to_the_first_empty_shot_gives_two(tab):
    page = changed(tab, {**shot(0), "_do": "shots:add"})
    assert page.value("shots-1-prompt") == ""
    assert page.named("shots-2-prompt") == []
    assert page.errors() == {}


@pytest.mark.parametrize(
    "rows",
    [
        {**shot(0), **shot(1)},
        shot(0, prompt="A door"),
        shot(0, duration="2"),
        {**shot(0, "A door", "2"), **shot(1, "opens")},
        {**shot(0, "A door", "2"), **shot(1)},
        {**shot(0, "A door", "2"), "_do": "shots:add"},
    ],
)
def test_a_shot_that_is_not_written_yet_is_not_called_wrong(tab, rows):
    assert changed(tab, rows).errors() == {}


def test_written_shots_that_do_not_add_up_are_said_to(tab):
    page = changed(tab, {**shot(0, "A door", "2"), **shot(1, "opens", "2")})
    assert "4 s" in page.error("shots")


def test_at_the_press_a_mistake_stands_at_its_own_shot_behind_an_empty_one(tab):
    page = Page(press(tab, KLING, {"multi_shot": "true", **shot(0), **shot(1, "opens")}))
    assert page.error("shots-0-duration") == ""
    assert page.error("shots-1-duration")


def test_the_button_for_one_more_is_named_after_what_it_adds(tab):
    page = changed(tab, shot(0))
    added = [b for b in page.all("button") if b.get("value") == "shots:add"]
    assert ["".join(button.itertext()).strip() for button in added] == ["Add a shot"]
