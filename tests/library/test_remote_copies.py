"""Copies at EvoLink: one upload for one content while the copy lives."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from evolink_studio.evolink.client import EvoLinkClient
from evolink_studio.evolink.errors import ServiceUnavailableError
from evolink_studio.library.models import RemoteCopy
from evolink_studio.library.remote_copies import delete_expired_copies, ensure_remote_copy
from tests.provider_replies import Reply

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db(transaction=True)


def ensure_copy(fake_provider, asset, now=NOW, provider_key="here#1"):
    async def run():
        async with EvoLinkClient(
            api_url=fake_provider.url,
            files_url=fake_provider.url,
            api_key="sk-evo-test",
            user_agent="Studio",
        ) as client:
            return await ensure_remote_copy(client, asset=asset, provider_key=provider_key, now=now)

    return asyncio.run(run())


def test_a_file_is_uploaded_once_while_its_copy_lives(fake_provider, image_asset, media_root):
    first = ensure_copy(fake_provider, image_asset)
    assert first.startswith(fake_provider.url)
    assert ensure_copy(fake_provider, image_asset, NOW + timedelta(hours=60)) == first
    (request,) = fake_provider.upload.requests
    assert (media_root / image_asset.file.name).read_bytes() in request.body
    assert b"image/png" in request.body


def test_what_a_person_calls_the_file_is_not_told(fake_provider, image_asset):
    ensure_copy(fake_provider, image_asset)
    assert b"cat" not in fake_provider.upload.requests[0].body.partition(b"\x89PNG")[0]


def test_a_copy_about_to_die_is_replaced(fake_provider, image_asset):
    first = ensure_copy(fake_provider, image_asset)
    assert ensure_copy(fake_provider, image_asset, NOW + timedelta(hours=70)) != first
    assert len(fake_provider.upload.requests) == 2
    assert RemoteCopy.objects.count() == 1


def test_another_key_or_address_has_copies_of_its_own(fake_provider, image_asset):
    assert ensure_copy(fake_provider, image_asset) != ensure_copy(
        fake_provider, image_asset, provider_key="there#2"
    )
    assert RemoteCopy.objects.count() == 2


def test_a_copy_that_is_no_longer_there_is_forgotten(fake_provider, image_asset):
    first = ensure_copy(fake_provider, image_asset)
    (expires_at,) = RemoteCopy.objects.values_list("expires_at", flat=True)
    delete_expired_copies(now=expires_at)
    assert ensure_copy(fake_provider, image_asset) == first
    delete_expired_copies(now=expires_at + timedelta(seconds=1))
    assert not RemoteCopy.objects.exists()
    assert ensure_copy(fake_provider, image_asset) != first


def test_an_upload_that_fails_leaves_no_copy_behind(fake_provider, image_asset):
    fake_provider.upload.reply_next(Reply(503))
    with pytest.raises(ServiceUnavailableError):
        ensure_copy(fake_provider, image_asset)
    assert not RemoteCopy.objects.exists()
    assert ensure_copy(fake_provider, image_asset).startswith(fake_provider.url)
