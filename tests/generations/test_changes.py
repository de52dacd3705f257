"""Changing the form: rows, rules that follow, and the draft that waits for the next visit."""

import uuid

import pytest

from evolink_studio.generations.models import Draft, Generation
from tests.factories import VEO, AssetFactory
from tests.generations.pressing import numbered, press
from tests.page import Page

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"
SEEDANCE = "doubao-seedance-1.0-pro-fast"
SORA = "sora-2-preview"


def seen(tab, model=VEO, query="") -> Page:
    return Page(tab.get(f"/create/{model}/{query}"))


SHOTS = {"shots-0-prompt": "one", "shots-0-duration": "2", "shots-1-prompt": "two"}
SHOTS |= {"shots-1-duration": "3", "multi_shot": "true"}


def shots(page) -> list[object]:
    rows = range(20)
    return [page.value(f"shots-{n}-prompt") for n in rows if page.named(f"shots-{n}-prompt")]


@pytest.mark.parametrize("htmx", [False, True], ids=["page", "fragment"])
@pytest.mark.parametrize(
    ("pressed", "rows"),
    [
        ("shots:add", ["one", "two", ""]),
        ("shots:remove:0", ["two"]),
        ("shots:remove:1", ["one"]),
        ("shots:up:1", ["two", "one"]),
        ("shots:down:0", ["two", "one"]),
        ("shots:up:0", ["one", "two"]),
        ("shots:down:1", ["one", "two"]),
        ("shots:remove:7", ["one", "two"]),
        ("shots:remove:x", ["one", "two"]),
        ("shots:remove", ["one", "two"]),
        ("shots:explode:1", ["one", "two"]),
        ("prompt:add", ["one", "two"]),
        ("no_such:add", ["one", "two"]),
        (":::", ["one", "two"]),
        ("", ["one", "two"]),
    ],
)
def test_rows_are_added_removed_and_moved_without_scripts_too(tab, htmx, pressed, rows):
    page = Page(press(tab, KLING, {**SHOTS, "_do": pressed}, where="refresh", htmx=htmx))
    assert shots(page) == rows
    assert page.value("prompt") == "A cat playing piano"
    assert not Generation.objects.exists()


def test_rows_can_be_begun_with_none(tab):
    typed = {"multi_shot": "true", "_do": "shots:add"}
    assert shots(Page(press(tab, KLING, typed, where="refresh"))) == [""]


def test_a_cell_that_is_wrong_is_named_at_that_cell(tab):
    typed = {**SHOTS, "shots-1-duration": "99"}
    page = Page(press(tab, KLING, typed, image_start=numbered(1, 400, 400)))
    assert page.error("shots-1-duration")
    assert page.error("shots-0-duration") == ""
    assert page.value("shots-1-duration") == "99"


def test_a_change_is_answered_with_the_whole_page_or_only_the_form(tab):
    whole = press(tab, VEO, where="refresh").content
    part = press(tab, VEO, where="refresh", htmx=True).content
    assert b"<html" in whole
    assert b"<html" not in part
    assert b'id="generate"' in part


def test_a_change_keeps_the_key_of_the_form(tab):
    key = str(uuid.uuid4())
    for htmx in (False, True):
        assert Page(press(tab, VEO, where="refresh", key=key, htmx=htmx)).value("form_key") == key


def test_a_change_saves_the_draft_and_a_later_visit_begins_with_it(tab, ada):
    picture = AssetFactory(owner=ada)
    typed = {"prompt": "Half a sent", "quality": "4k", "image_urls": picture.ref}
    press(tab, VEO, typed, where="refresh", htmx=True)
    page = seen(tab)
    assert (page.value("prompt"), page.value("quality")) == ("Half a sent", "4k")
    assert page.value("image_urls") == [picture.ref]
    assert "Restored from your last visit" in page.text
    assert seen(tab, SORA).value("prompt") == ""


def test_a_draft_without_its_picture_is_still_a_draft(tab, ada):
    picture = AssetFactory(owner=ada)
    typed = {"prompt": "Kept", "image_urls": picture.ref}
    press(tab, VEO, typed, where="refresh", htmx=True)
    picture.delete()
    page = seen(tab)
    assert (page.value("prompt"), page.value("image_urls")) == ("Kept", None)


def test_a_draft_is_seen_by_nobody_else(tab, client, eve):
    press(tab, VEO, {"prompt": "My secret"}, where="refresh", htmx=True)
    client.force_login(eve)
    assert "My secret" not in seen(client).text
    assert Draft.objects.count() == 1


def test_first_and_last_frame_change_places(tab, ada):
    first, last = AssetFactory(owner=ada), AssetFactory(owner=ada)
    typed = {"image_start": first.ref, "image_end": last.ref}
    page = Page(press(tab, KLING, typed, where="refresh", htmx=True))
    assert [b.get("id") for b in page.all("button[@value='frames:swap']")] == [
        "field-image_end-swap"
    ]
    swapped = Page(press(tab, KLING, {**typed, "_do": "frames:swap"}, where="refresh", htmx=True))
    assert swapped.value("image_start") == [last.ref]
    assert swapped.value("image_end") == [first.ref]


def test_one_frame_alone_cannot_be_swapped(tab, ada):
    typed = {"image_start": AssetFactory(owner=ada).ref}
    page = Page(press(tab, KLING, typed, where="refresh", htmx=True))
    assert page.all("button[@value='frames:swap']") == []
