"""What goes along with a request: pictures, and the address that EvoLink may call."""

import errno
from dataclasses import replace
from datetime import timedelta

import pytest

from evolink_studio.library import storage
from tests.factories import NOW, AssetFactory, GenerationFactory
from tests.generations.conftest import reload
from tests.provider_replies import make_dropped_reply, make_error_reply, make_reply

pytestmark = pytest.mark.django_db


def create_generation_with_images(*assets, **fields):
    """A generation with these first and last frames."""
    params = {"prompt": "x", "image_urls": [asset.ref for asset in assets]}
    return GenerationFactory(owner=assets[0].owner, params=params, **fields)


def test_a_picture_is_brought_to_evolink_before_anything_is_paid(fake_provider, worker, ada):
    first, last = AssetFactory.create_batch(2, owner=ada)
    generation = create_generation_with_images(first, last)
    worker.dispatch_due()
    assert reload(generation).state == "running"
    assert [request.path for request in fake_provider.received_requests][
        -1
    ] == "/v1/videos/generations"
    urls = fake_provider.create.requests[0].json["image_urls"]
    assert [
        fake_provider.files[url.removeprefix(fake_provider.url)] is not None for url in urls
    ] == [True, True]
    assert len(set(urls)) == len(fake_provider.upload.requests) == 2


def test_a_content_is_uploaded_once_for_many_generations(fake_provider, worker, ada):
    picture = AssetFactory(owner=ada)
    for _ in range(3):
        create_generation_with_images(picture)
    create_generation_with_images(AssetFactory(content=picture.file.read()))
    worker.dispatch_due()
    assert fake_provider.paid_count == 4
    assert len(fake_provider.upload.requests) == 1


def test_the_same_picture_may_be_the_first_and_the_last_frame(fake_provider, worker, ada):
    picture = AssetFactory(owner=ada)
    create_generation_with_images(picture, picture)
    worker.dispatch_due()
    first, last = fake_provider.create.requests[0].json["image_urls"]
    assert first == last


UPLOAD_ERROR_REPLIES = {
    "closed": make_dropped_reply(),
    "500": make_error_reply(500, "internal_error"),
    "asked to wait": make_error_reply(429, "rate_limit_exceeded"),
    "garbage": make_reply(b"OK"),
}


@pytest.mark.parametrize("reply", UPLOAD_ERROR_REPLIES.values(), ids=UPLOAD_ERROR_REPLIES)
def test_trouble_with_an_upload_sends_nothing_and_is_tried_again(fake_provider, worker, ada, reply):
    generation = create_generation_with_images(AssetFactory(owner=ada))
    fake_provider.upload.reply_next(reply)
    worker.dispatch_due()
    waiting = reload(generation)
    assert (waiting.state, waiting.charge, waiting.lease_id) == ("queued", "none", None)
    assert waiting.next_attempt_at == NOW + timedelta(seconds=2)
    assert fake_provider.create.requests == []

    worker.advance_until_due(generation)
    worker.dispatch_due()
    assert reload(generation).state == "running"
    assert fake_provider.paid_count == 1


UPLOAD_REJECTIONS = {
    "too large": (make_error_reply(413, "request_too_large_error"), "request_too_large_error"),
    "said in a 200": (
        make_reply({"success": False, "code": 400, "msg": "This is no picture."}),
        "400",
    ),
}


@pytest.mark.parametrize(("reply", "code"), UPLOAD_REJECTIONS.values(), ids=UPLOAD_REJECTIONS)
def test_a_picture_that_evolink_refuses_ends_it_unsent_and_free(
    fake_provider, worker, ada, reply, code
):
    generation = create_generation_with_images(AssetFactory(owner=ada))
    fake_provider.upload.reply_next(reply)
    worker.dispatch_due()
    current = reload(generation)
    assert (current.state, current.error_code, current.charge) == ("failed", code, "none")
    assert fake_provider.create.requests == []


def test_a_picture_that_is_gone_ends_it_instead_of_being_left_out(fake_provider, worker, ada):
    """A film from the prompt alone is not what was asked for, and it would be paid."""
    picture = AssetFactory(owner=ada)
    generation = create_generation_with_images(picture)
    picture.delete()
    worker.dispatch_due()
    current = reload(generation)
    assert (current.state, current.error_code, current.charge) == ("failed", "file_missing", "none")
    assert fake_provider.received_requests == []


def test_a_file_that_is_gone_from_the_disk_ends_it_too(fake_provider, worker, ada):
    picture = AssetFactory(owner=ada)
    generation = create_generation_with_images(picture)
    picture.file.storage.delete(picture.file.name)
    worker.dispatch_due()
    current = reload(generation)
    assert (current.state, current.error_code, current.charge) == ("failed", "file_missing", "none")
    assert fake_provider.received_requests == []


def test_a_disk_that_is_away_for_a_moment_is_waited_for(fake_provider, worker, ada, monkeypatch):
    generation = create_generation_with_images(AssetFactory(owner=ada))
    with monkeypatch.context() as patches:
        patches.setattr(storage, "read_content", raise_io_error)
        worker.dispatch_due()
    assert reload(generation).state == "queued"
    worker.advance_until_due(generation)
    worker.dispatch_due()
    assert reload(generation).state == "running"
    assert fake_provider.paid_count == 1


def raise_io_error(*_):
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
def test_what_no_longer_fits_the_rules_is_not_sent(fake_provider, worker, fields):
    generation = GenerationFactory(**fields)
    worker.dispatch_due()
    current = reload(generation)
    assert (current.state, current.error_code, current.charge) == (
        "failed",
        "rules_changed",
        "none",
    )
    assert fake_provider.received_requests == []


def test_evolink_is_given_an_address_to_call_when_the_studio_has_one(
    fake_provider, worker, generation
):
    replace(worker, callback_base_url="https://studio.example.org").dispatch_due()
    address = fake_provider.create.requests[0].json["callback_url"]
    assert address == f"https://studio.example.org/callbacks/{generation.callback_token}/"
    assert len(generation.callback_token) >= 21  # 128 bits


def test_without_an_address_of_its_own_it_names_none(fake_provider, worker, generation):
    worker.dispatch_due()
    assert "callback_url" not in fake_provider.create.requests[0].json
