"""How much one person may add: files within an hour, bytes in all."""

from datetime import timedelta

import pytest

from evolink_studio.library import services
from evolink_studio.library.exceptions import LibraryFull, TooManyUploads
from evolink_studio.library.models import Asset, UploadUsage
from tests.library.conftest import NOW, list_files, make_upload
from tests.library.test_uploads import UPLOAD_URL, post_upload
from tests.sample_images import draw_noise, encode_image, make_image
from tests.sample_videos import make_video


def add_image(owner, width=64, now=NOW):
    upload = make_upload(make_image(width=width))
    return services.add_upload(owner=owner, file=upload, now=now)


def test_a_person_adds_so_many_files_within_an_hour(owner, stranger, settings):
    settings.UPLOADS_PER_HOUR = 3
    for width in (10, 11, 12):
        add_image(owner, width)
    with pytest.raises(TooManyUploads, match=r"3 files within an hour.*in 45 min"):
        add_image(owner, 13, NOW + timedelta(minutes=15))
    assert add_image(stranger)
    assert add_image(owner, 13, NOW + timedelta(minutes=60))


def test_refused_and_repeated_files_and_edits_count_too(owner, settings, image_asset, video_asset):
    settings.UPLOADS_PER_HOUR = 4
    with pytest.raises(services.FileRejected):
        services.add_upload(owner=owner, file=make_upload(b"no picture"), now=NOW)
    services.add_upload(owner=owner, file=make_upload(make_image()), now=NOW)
    services.edit_image(asset=image_asset, action="jpeg", now=NOW)
    services.add_frame(asset=video_asset, second=services.Decimal(1), now=NOW)
    for refused_action in (
        lambda: services.edit_image(asset=image_asset, action="jpeg", now=NOW),
        lambda: services.add_frame(asset=video_asset, second=services.Decimal(1), now=NOW),
        lambda: services.add_from_url(owner=owner, url="https://example.org/a.png", now=NOW),
        lambda: add_image(owner),
    ):
        with pytest.raises(TooManyUploads):
            refused_action()


def test_deleting_does_not_give_a_new_hour(owner, settings):
    settings.UPLOADS_PER_HOUR = 1
    asset = add_image(owner)
    services.delete_assets(owner=owner, asset_ids=[asset.pk], find_needed=lambda ids: [])
    with pytest.raises(TooManyUploads):
        add_image(owner, 65)


def test_too_many_uploads_are_answered_at_their_field(owner_client, settings):
    settings.UPLOADS_PER_HOUR = 1
    assert post_upload(owner_client, make_image()).status_code == 200
    reply = post_upload(owner_client, make_image(width=65))
    assert reply.status_code == 429
    assert "Nothing was sent or charged. Add this one again in 60 min." in reply.json()["error"]


def test_what_a_person_adds_has_its_room(owner_client, owner, settings, media_root):
    content = encode_image(draw_noise(), "PNG")
    size = post_upload(owner_client, content).json()["bytes"]
    settings.LIBRARY_BYTES_PER_PERSON = 2 * size
    assert post_upload(owner_client, encode_image(draw_noise(255), "PNG")).status_code == 200
    stored_files = list_files(media_root)
    reply = post_upload(owner_client, encode_image(draw_noise(254), "PNG"))
    assert reply.status_code == 413
    assert "Delete what you no longer need" in reply.json()["error"]
    assert list_files(media_root) == stored_files
    Asset.objects.filter(owner=owner).first().delete()
    assert post_upload(owner_client, encode_image(draw_noise(254), "PNG")).status_code == 200


def test_a_full_library_is_said_before_a_picture_is_opened(owner, settings, monkeypatch):
    settings.LIBRARY_BYTES_PER_PERSON = add_image(owner).size_bytes
    monkeypatch.setattr("evolink_studio.library.media.images.normalize_image", pytest.fail)
    with pytest.raises(LibraryFull):
        add_image(owner, 65)


def test_a_film_that_was_paid_for_always_fits_and_does_not_count(owner, settings, tmp_path):
    settings.LIBRARY_BYTES_PER_PERSON = 2000
    path = make_video(tmp_path / "clip.mp4")
    assert path.stat().st_size > 2000
    assert services.add_result(owner_id=owner.pk, path=path, name="clip", now=NOW)
    assert add_image(owner)


def test_without_limits_nothing_is_counted(owner_client, settings):
    settings.UPLOADS_PER_HOUR = settings.LIBRARY_BYTES_PER_PERSON = 0
    assert post_upload(owner_client, make_image()).status_code == 200
    assert not UploadUsage.objects.exists()


def test_a_staff_member_has_the_same_limits(client, staff, settings):
    settings.UPLOADS_PER_HOUR = 1
    client.force_login(staff)
    statuses = [
        client.post(UPLOAD_URL, {"file": make_upload(make_image(width=width))}).status_code
        for width in (64, 65)
    ]
    assert statuses == [200, 429]


def test_the_room_is_counted_in_an_index(owner, django_assert_num_queries):
    from django.db import connection

    add_image(owner)
    with django_assert_num_queries(1):
        services._check_space(owner.pk, 1)
    if connection.vendor == "sqlite":
        query = Asset.objects.filter(owner=owner, origin__in=["upload", "link"]).values(
            "size_bytes"
        )
        assert "asset_space" in query.explain()
