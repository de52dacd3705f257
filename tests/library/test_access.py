"""Who may do what with a file."""

import pytest

from tests.library.conftest import make_upload
from tests.sample_images import make_image

OWNER_ONLY_PATHS = ["file", "poster", "download"]
EDIT_REQUESTS = {"edit": {"action": "jpeg"}, "frame": {"second": "1"}}


@pytest.mark.parametrize("suffix", OWNER_ONLY_PATHS)
def test_the_owner_opens_a_file_and_nobody_else(
    client, owner, stranger, staff, video_asset, suffix
):
    url = f"/library/{video_asset.pk}/{suffix}"
    assert client.get(url).status_code == 302
    for user, status in ((owner, 200), (stranger, 404), (staff, 404)):
        client.force_login(user)
        assert client.get(url).status_code == status
        assert client.head(url).status_code == status
        assert client.get(url, headers={"Range": "bytes=0-9"}).status_code in {status, 206}
        assert client.post(url).status_code == 405


@pytest.mark.parametrize("suffix", OWNER_ONLY_PATHS)
def test_a_stranger_learns_nothing_from_ranges_and_tags(client, stranger, video_asset, suffix):
    client.force_login(stranger)
    url = f"/library/{video_asset.pk}/{suffix}"
    missing = client.get(f"/library/{video_asset.pk + 999}/{suffix}")
    for headers in ({"Range": "bytes=0-1"}, {"If-None-Match": "*"}, {}):
        reply = client.get(url, headers=headers)
        assert reply.status_code == missing.status_code == 404
        assert "Content-Range" not in reply
        assert "ETag" not in reply


@pytest.mark.parametrize("suffix", EDIT_REQUESTS)
def test_only_the_owner_makes_new_pictures_of_a_file(
    client, owner, stranger, staff, image_asset, video_asset, suffix
):
    pk = {"edit": image_asset.pk, "frame": video_asset.pk}[suffix]
    url = f"/library/{pk}/{suffix}"
    assert client.post(url, EDIT_REQUESTS[suffix]).status_code == 302
    for user, status in ((owner, 200), (stranger, 404), (staff, 404)):
        client.force_login(user)
        assert client.post(url, EDIT_REQUESTS[suffix]).status_code == status
        assert client.get(url).status_code == 405


def test_somebody_disabled_opens_nothing(client, owner, image_asset):
    client.force_login(owner)
    owner.is_active = False
    owner.save()
    assert client.get(f"/library/{image_asset.pk}/file").status_code == 302


@pytest.mark.parametrize("name", ["upload", "from-address"])
def test_adding_needs_a_person_and_a_post(client, db, owner, name):
    assert client.post(f"/library/{name}").status_code == 302
    client.force_login(owner)
    assert client.get(f"/library/{name}").status_code == 405


def test_nobody_gives_a_file_to_somebody_else(client, owner, stranger):
    client.force_login(stranger)
    fields = {"owner": owner.pk, "owner_id": owner.pk, "origin": "result", "name": "x"}
    client.post("/library/upload", {"file": make_upload(make_image()), **fields})
    asset = stranger.assets.get()
    assert asset.origin == "upload"
    assert not owner.assets.exists()


def test_adding_needs_the_forms_own_token(owner):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    assert client.post("/library/upload", {"file": make_upload(make_image())}).status_code == 403


@pytest.mark.parametrize("pk", ["0", "99999999999999999999999", "-1", "x"])
def test_numbers_of_no_file_are_not_found(owner_client, pk):
    for suffix in OWNER_ONLY_PATHS:
        assert owner_client.get(f"/library/{pk}/{suffix}").status_code == 404
