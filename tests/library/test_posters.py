"""Posters in the sizes that pages show, of new files and of those from before there were sizes."""

import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError
from django.urls import reverse

from evolink_studio.library import services, storage
from evolink_studio.library.exceptions import StorageUnavailable
from evolink_studio.library.media.images import POSTER_SIDES
from evolink_studio.library.models import POSTER_FIELD_BY_SIZE, Asset
from evolink_studio.library.poster_urls import build_picture_srcset, build_poster_urls
from tests.library.conftest import NOW, list_files
from tests.sample_images import decode_image, make_image


@pytest.fixture
def large_asset(owner):
    """A picture larger than all posters."""
    content = make_image(width=1920, height=1080)
    return services.add_image(owner=owner, content=content, name="cat.png", now=NOW)


@pytest.fixture
def old_asset(large_asset):
    """As it was stored before there were sizes."""
    storage.delete_files({str(large_asset.poster_small), str(large_asset.poster_large)})
    Asset.objects.update(poster_small=None, poster_large=None)
    return Asset.objects.get()


URL_NAMES = {
    "small": "asset_small_poster",
    "medium": "asset_poster",
    "large": "asset_large_poster",
}


def request_poster(client, asset, size):
    return client.get(reverse(URL_NAMES[size], args=[asset.pk]))


def get_poster(client, asset, size):
    reply = request_poster(client, asset, size)
    assert reply.status_code == 200
    return decode_image(b"".join(reply)), reply


def test_sizes_and_their_fields_are_the_same_everywhere():
    assert set(POSTER_SIDES) == set(POSTER_FIELD_BY_SIZE) == set(URL_NAMES)
    assert list(POSTER_SIDES.values()) == sorted(POSTER_SIDES.values(), reverse=True)


def test_each_size_is_stored_and_sent(owner_client, large_asset):
    tags = set()
    for size, side in POSTER_SIDES.items():
        poster, reply = get_poster(owner_client, large_asset, size)
        assert (poster.format, poster.size) == ("WEBP", (side, side * 9 // 16))
        tags.add(reply["ETag"])
    assert len(tags) == len(POSTER_SIDES)


def test_no_size_is_shown_to_anybody_else(client, stranger, large_asset):
    client.force_login(stranger)
    for size in POSTER_SIDES:
        assert request_poster(client, large_asset, size).status_code == 404


def test_the_small_poster_of_an_old_file_is_made_once_when_it_is_looked_at(
    owner_client, old_asset, media_root
):
    for _ in range(2):
        poster, _ = get_poster(owner_client, old_asset, "small")
        assert poster.size == (320, 180)
    old_asset.refresh_from_db()
    assert default_storage.exists(str(old_asset.poster_small))
    assert len(list_files(media_root)) == len(old_asset.stored_names) == 3


def test_an_old_file_shows_its_one_poster_for_the_large_one(owner_client, old_asset):
    assert get_poster(owner_client, old_asset, "large")[0].size == (640, 360)
    assert build_poster_urls(old_asset).large == build_poster_urls(old_asset).medium


@pytest.mark.parametrize(
    ("function", "error"),
    [
        ("evolink_studio.library.storage.store_poster", OSError(28, "No space left on device")),
        ("evolink_studio.library.storage.store_poster", StorageUnavailable()),
        ("evolink_studio.library.models.AssetQuerySet.update", OperationalError("locked")),
    ],
    ids=["disk full", "storage away", "database away"],
)
def test_where_none_can_be_made_the_other_one_is_shown(
    owner_client, old_asset, monkeypatch, function, error
):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(function, fail)
    poster, reply = get_poster(owner_client, old_asset, "small")
    assert poster.size == (640, 360)
    # The other size under this address must not stay in the browser once there is a small one.
    assert reply["Cache-Control"] == "private, no-cache"


def test_of_two_who_look_at_once_one_stores_its_poster(old_asset, media_root):
    same_asset = Asset.objects.get()
    services.ensure_small_poster(same_asset)
    services.ensure_small_poster(old_asset)
    assert len(list_files(media_root)) == 3
    old_asset.refresh_from_db()
    assert old_asset.poster_small == same_asset.poster_small


def test_a_poster_made_for_a_file_that_was_just_deleted_is_not_left(old_asset, media_root):
    Asset.objects.all().delete()
    services.ensure_small_poster(old_asset)
    assert len(list_files(media_root)) == 2  # what the deletion of the row alone left here


def test_all_that_is_stored_of_a_file_is_deleted_with_it(owner, large_asset, media_root):
    assert len(list_files(media_root)) == 4
    services.delete_assets(owner=owner, asset_ids=[large_asset.pk], find_needed=lambda ids: [])
    assert not list_files(media_root)


def test_a_browser_chooses_between_the_large_poster_and_the_picture(large_asset):
    posters = build_poster_urls(large_asset)
    assert (
        build_picture_srcset(large_asset, posters, "/file") == f"{posters.large} 1280w, /file 1920w"
    )
    large_asset.width, large_asset.height = 1080, 1920
    assert (
        build_picture_srcset(large_asset, posters, "/file") == f"{posters.large} 720w, /file 1080w"
    )
    large_asset.width, large_asset.height = 1280, 720
    assert build_picture_srcset(large_asset, posters, "/file") == ""
    large_asset.poster_large = None
    assert build_picture_srcset(large_asset, posters, "/file") == ""


def test_a_sound_has_no_address_of_a_poster(db):
    assert build_poster_urls(Asset(pk=1)).tile_srcset == ""
