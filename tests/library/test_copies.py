"""Copies at EvoLink: one upload for one content while the copy lives."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from evolink_studio.evolink.client import EvoLinkClient
from evolink_studio.evolink.errors import ServiceUnavailableError
from evolink_studio.library.models import RemoteCopy
from evolink_studio.library.remote_copies import ensure_remote_copy
from tests.answers import Reply
from tests.farend import FarEnd

MOMENT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def far():
    with FarEnd() as running:
        yield running


def ensure(far, asset, now=MOMENT, far_end="here#1"):
    async def run():
        async with EvoLinkClient(
            api_url=far.url, files_url=far.url, api_key="sk-evo-test", user_agent="Studio"
        ) as client:
            return await ensure_remote_copy(client, asset=asset, provider_key=far_end, now=now)

    return asyncio.run(run())


def test_a_file_is_uploaded_once_while_its_copy_lives(far, cat, media):
    first = ensure(far, cat)
    assert first.startswith(far.url)
    assert ensure(far, cat, MOMENT + timedelta(hours=60)) == first
    (sent,) = far.upload.requests
    assert (media / cat.file.name).read_bytes() in sent.body
    assert b"image/png" in sent.body


def test_what_a_person_calls_the_file_is_not_told(far, cat):
    ensure(far, cat)
    assert b"cat" not in far.upload.requests[0].body.partition(b"\x89PNG")[0]


def test_a_copy_about_to_die_is_replaced(far, cat):
    first = ensure(far, cat)
    assert ensure(far, cat, MOMENT + timedelta(hours=70)) != first
    assert len(far.upload.requests) == 2
    assert RemoteCopy.objects.count() == 1


def test_another_key_or_address_has_copies_of_its_own(far, cat):
    assert ensure(far, cat) != ensure(far, cat, far_end="there#2")
    assert RemoteCopy.objects.count() == 2


def test_an_upload_that_fails_leaves_no_copy_behind(far, cat):
    far.upload.answers(Reply(503))
    with pytest.raises(ServiceUnavailableError):
        ensure(far, cat)
    assert not RemoteCopy.objects.exists()
    assert ensure(far, cat).startswith(far.url)
