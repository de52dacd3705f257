"""What goes along with a request: pictures, and the address that EvoLink may call."""

import errno
from dataclasses import replace
from datetime import timedelta

import pytest

from evolink_studio.library import storage
from tests.answers import answer, error, hang_up
from tests.factories import NOW, AssetFactory, GenerationFactory
from tests.generations.conftest import fresh

pytestmark = pytest.mark.django_db


def with_pictures(*assets, **fields):
    """A generation with these first and last frames."""
    params = {"prompt": "x", "image_urls": [asset.ref for asset in assets]}
    return GenerationFactory(owner=assets[0].owner, params=params, **fields)


def test_a_picture_is_brought_to_evolink_before_anything_is_paid(far, worker, ada):
    first, last = AssetFactory.create_batch(2, owner=ada)
    generation = with_pictures(first, last)
    worker.send()
    assert fresh(generation).state == "running"
    assert [request.path for request in far.received][-1] == "/v1/videos/generations"
    urls = far.create.requests[0].json["image_urls"]
    assert [far.files[url.removeprefix(far.url)] is not None for url in urls] == [True, True]
    assert len(set(urls)) == len(far.upload.requests) == 2


def test_a_content_is_uploaded_once_for_many_generations(far, worker, ada):
    picture = AssetFactory(owner=ada)
    for _ in range(3):
        with_pictures(picture)
    with_pictures(AssetFactory(content=picture.file.read()))
    worker.send()
    assert far.paid == 4
    assert len(far.upload.requests) == 1


def test_the_same_picture_may_be_the_first_and_the_last_frame(far, worker, ada):
    picture = AssetFactory(owner=ada)
    with_pictures(picture, picture)
    worker.send()
    first, last = far.create.requests[0].json["image_urls"]
    assert first == last


UPLOAD_TROUBLE = {
    "closed": hang_up(),
    "500": error(500, "internal_error"),
    "asked to wait": error(429, "rate_limit_exceeded"),
    "garbage": answer(b"OK"),
}


@pytest.mark.parametrize("reply", UPLOAD_TROUBLE.values(), ids=UPLOAD_TROUBLE)
def test_trouble_with_an_upload_sends_nothing_and_is_tried_again(far, worker, ada, reply):
    generation = with_pictures(AssetFactory(owner=ada))
    far.upload.answers(reply)
    worker.send()
    waiting = fresh(generation)
    assert (waiting.state, waiting.charge, waiting.lease_id) == ("queued", "none", None)
    assert waiting.next_attempt_at == NOW + timedelta(seconds=2)
    assert far.create.requests == []

    worker.wait_for(generation)
    worker.send()
    assert fresh(generation).state == "running"
    assert far.paid == 1


UPLOAD_REFUSED = {
    "too large": (error(413, "request_too_large_error"), "request_too_large_error"),
    "said in a 200": (
        answer({"success": False, "code": 400, "msg": "This is no picture."}),
        "400",
    ),
}


@pytest.mark.parametrize(("reply", "code"), UPLOAD_REFUSED.values(), ids=UPLOAD_REFUSED)
def test_a_picture_that_evolink_refuses_ends_it_unsent_and_free(far, worker, ada, reply, code):
    generation = with_pictures(AssetFactory(owner=ada))
    far.upload.answers(reply)
    worker.send()
    refused = fresh(generation)
    assert (refused.state, refused.error_code, refused.charge) == ("failed", code, "none")
    assert far.create.requests == []


def test_a_picture_that_is_gone_ends_it_instead_of_being_left_out(far, worker, ada):
    """A film from the prompt alone is not what was asked for, and it would be paid."""
    picture = AssetFactory(owner=ada)
    generation = with_pictures(picture)
    picture.delete()
    worker.send()
    refused = fresh(generation)
    assert (refused.state, refused.error_code, refused.charge) == ("failed", "file_missing", "none")
    assert far.received == []


def test_a_file_that_is_gone_from_the_disk_ends_it_too(far, worker, ada):
    picture = AssetFactory(owner=ada)
    generation = with_pictures(picture)
    picture.file.storage.delete(picture.file.name)
    worker.send()
    refused = fresh(generation)
    assert (refused.state, refused.error_code, refused.charge) == ("failed", "file_missing", "none")
    assert far.received == []


def test_a_disk_that_is_away_for_a_moment_is_waited_for(far, worker, ada, monkeypatch):
    generation = with_pictures(AssetFactory(owner=ada))
    with monkeypatch.context() as away:
        away.setattr(storage, "read_content", broken)
        worker.send()
    assert fresh(generation).state == "queued"
    worker.wait_for(generation)
    worker.send()
    assert fresh(generation).state == "running"
    assert far.paid == 1


def broken(*_):
    raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize(
    "fields",
    [
        {"model_id": "left-the-catalogue"},
        {"params": {"prompt": "x", "quality": "8k"}},
        {"params": {}},
    ],
    ids=str,
)
def test_what_no_longer_fits_the_rules_is_not_sent(far, worker, fields):
    generation = GenerationFactory(**fields)
    worker.send()
    refused = fresh(generation)
    assert (refused.state, refused.error_code, refused.charge) == (
        "failed",
        "rules_changed",
        "none",
    )
    assert far.received == []


def test_evolink_is_given_an_address_to_call_when_the_studio_has_one(far, worker, generation):
    replace(worker, callbacks="https://studio.example.org").send()
    address = far.create.requests[0].json["callback_url"]
    assert address == f"https://studio.example.org/callbacks/{generation.callback_token}/"
    assert len(generation.callback_token) >= 21  # 128 bits


def test_without_an_address_of_its_own_it_names_none(far, worker, generation):
    worker.send()
    assert "callback_url" not in far.create.requests[0].json
