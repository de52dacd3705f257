"""Changing the form: rows, rules that follow, and the draft that waits for the next visit."""

import uuid

import pytest

from evolink_studio.generations.models import Draft, Generation
from tests.factories import VEO, AssetFactory
from tests.form_pages import ParsedPage
from tests.generations.form_client import make_numbered_image, post_form

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"
SEEDANCE = "doubao-seedance-1.0-pro-fast"
SORA = "sora-2-preview"


def open_create_page(client, model_id=VEO, query="") -> ParsedPage:
    return ParsedPage(client.get(f"/create/{model_id}/{query}"))


SHOT_FIELDS = {"shots-0-prompt": "one", "shots-0-duration": "2", "shots-1-prompt": "two"}
SHOT_FIELDS |= {"shots-1-duration": "3", "multi_shot": "true"}


def shot_prompts(page) -> list[object]:
    rows = range(20)
    return [
        page.control_value(f"shots-{n}-prompt")
        for n in rows
        if page.find_controls(f"shots-{n}-prompt")
    ]


@pytest.mark.parametrize("htmx", [False, True], ids=["page", "fragment"])
@pytest.mark.parametrize(
    ("action", "rows"),
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
def test_rows_are_added_removed_and_moved_without_scripts_too(ada_client, htmx, action, rows):
    page = ParsedPage(
        post_form(ada_client, KLING, {**SHOT_FIELDS, "_do": action}, action="refresh", is_htmx=htmx)
    )
    assert shot_prompts(page) == rows
    assert page.control_value("prompt") == "A cat playing piano"
    assert not Generation.objects.exists()


def test_rows_can_be_begun_with_none(ada_client):
    fields = {"multi_shot": "true", "_do": "shots:add"}
    assert shot_prompts(ParsedPage(post_form(ada_client, KLING, fields, action="refresh"))) == [""]


def test_a_cell_that_is_wrong_is_named_at_that_cell(ada_client):
    fields = {**SHOT_FIELDS, "shots-1-duration": "99"}
    page = ParsedPage(
        post_form(ada_client, KLING, fields, image_start=make_numbered_image(1, 400, 400))
    )
    assert page.error_text("shots-1-duration")
    assert page.error_text("shots-0-duration") == ""
    assert page.control_value("shots-1-duration") == "99"


def test_a_change_is_answered_with_the_whole_page_or_only_the_form(ada_client):
    page_bytes = post_form(ada_client, VEO, action="refresh").content
    part = post_form(ada_client, VEO, action="refresh", is_htmx=True).content
    assert b"<html" in page_bytes
    assert b"<html" not in part
    assert b'id="generate"' in part


def test_a_change_keeps_the_key_of_the_form(ada_client):
    key = str(uuid.uuid4())
    for htmx in (False, True):
        assert (
            ParsedPage(
                post_form(ada_client, VEO, action="refresh", form_key=key, is_htmx=htmx)
            ).control_value("form_key")
            == key
        )


def test_a_change_saves_the_draft_and_a_later_visit_begins_with_it(ada_client, ada):
    picture = AssetFactory(owner=ada)
    fields = {"prompt": "Half a sent", "quality": "4k", "image_urls": picture.ref}
    post_form(ada_client, VEO, fields, action="refresh", is_htmx=True)
    page = open_create_page(ada_client)
    assert (page.control_value("prompt"), page.control_value("quality")) == ("Half a sent", "4k")
    assert page.control_value("image_urls") == [picture.ref]
    assert "Restored from your last visit" in page.text
    assert open_create_page(ada_client, SORA).control_value("prompt") == ""


def test_a_draft_without_its_picture_is_still_a_draft(ada_client, ada):
    picture = AssetFactory(owner=ada)
    fields = {"prompt": "Kept", "image_urls": picture.ref}
    post_form(ada_client, VEO, fields, action="refresh", is_htmx=True)
    picture.delete()
    page = open_create_page(ada_client)
    assert (page.control_value("prompt"), page.control_value("image_urls")) == ("Kept", None)


def test_a_draft_is_seen_by_nobody_else(ada_client, client, eve):
    post_form(ada_client, VEO, {"prompt": "My secret"}, action="refresh", is_htmx=True)
    client.force_login(eve)
    assert "My secret" not in open_create_page(client).text
    assert Draft.objects.count() == 1


def test_first_and_last_frame_change_places(ada_client, ada):
    first, last = AssetFactory(owner=ada), AssetFactory(owner=ada)
    fields = {"image_start": first.ref, "image_end": last.ref}
    page = ParsedPage(post_form(ada_client, KLING, fields, action="refresh", is_htmx=True))
    assert [b.get("id") for b in page.find_all("button[@value='frames:swap']")] == [
        "field-image_end-swap"
    ]
    swapped_page = ParsedPage(
        post_form(
            ada_client, KLING, {**fields, "_do": "frames:swap"}, action="refresh", is_htmx=True
        )
    )
    assert swapped_page.control_value("image_start") == [last.ref]
    assert swapped_page.control_value("image_end") == [first.ref]


def test_one_frame_alone_cannot_be_swapped(ada_client, ada):
    fields = {"image_start": AssetFactory(owner=ada).ref}
    page = ParsedPage(post_form(ada_client, KLING, fields, action="refresh", is_htmx=True))
    assert page.find_all("button[@value='frames:swap']") == []
