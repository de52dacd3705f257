"""Files in the admin pages."""

import pytest
from django.utils import timezone
from django.utils.formats import date_format

from evolink_studio.accounts.models import User
from evolink_studio.library import services
from evolink_studio.library.models import RemoteCopy
from tests.library.conftest import NOW
from tests.sample_images import draw_half_transparent_image, encode_image
from tests.sample_videos import make_audio

ASSETS_URL = "/admin/library/asset/"


@pytest.fixture
def staff_client(client, staff):
    client.force_login(staff)
    return client


def test_staff_see_the_files_of_everybody_and_can_play_them(staff_client, image_asset, video_asset):
    page = staff_client.get(ASSETS_URL).content.decode()
    assert "cat.png" in page
    assert f"{ASSETS_URL}{video_asset.pk}/poster/" in page
    detail = staff_client.get(f"{ASSETS_URL}{video_asset.pk}/change/").content.decode()
    assert "<video" in detail
    assert "controls" in detail
    assert f'src="{ASSETS_URL}{video_asset.pk}/file/"' in detail
    assert (
        staff_client.get(
            f"{ASSETS_URL}{video_asset.pk}/file/", headers={"Range": "bytes=0-"}
        ).status_code
        == 206
    )
    assert staff_client.get(f"{ASSETS_URL}{video_asset.pk}/poster/").status_code == 200
    assert "<img" in staff_client.get(f"{ASSETS_URL}{image_asset.pk}/change/").content.decode()


def test_a_list_names_its_cells_as_its_headings_do_and_says_times_shortly(
    staff_client, image_asset
):
    """On a phone a cell stands beside its name, which no style can write as a language wants."""
    moment = date_format(timezone.localtime(image_asset.created_at), "SHORT_DATETIME_FORMAT")
    page = staff_client.get(ASSETS_URL).content.decode()
    assert f'data-label="Created">{moment}</td>' in page
    assert f'data-label="Person">{image_asset.owner}</td>' in page


def test_a_sound_has_no_poster(staff_client, owner, tmp_path):
    with make_audio(tmp_path / "a.mp3").open("rb") as content:
        asset = services.add_audio(owner=owner, content=content, name="hum", now=NOW)
    assert staff_client.get(ASSETS_URL).status_code == 200
    assert "<audio" in staff_client.get(f"{ASSETS_URL}{asset.pk}/change/").content.decode()
    assert staff_client.get(f"{ASSETS_URL}{asset.pk}/poster/").status_code == 404


@pytest.mark.parametrize(
    "query", ["?q=cat", "?q=ada", "?kind__exact=image", "?origin__exact=upload"]
)
def test_files_are_found_by_name_person_and_kind(staff_client, image_asset, video_asset, query):
    page = staff_client.get(ASSETS_URL + query).content.decode()
    assert "cat.png" in page
    assert ("clip-1.mp4" in page) == (query == "?q=ada")


def test_nothing_is_edited_by_hand(staff_client, image_asset):
    assert staff_client.get(f"{ASSETS_URL}add/").status_code == 403
    assert (
        staff_client.post(f"{ASSETS_URL}{image_asset.pk}/change/", {"name": "other"}).status_code
        == 403
    )
    assert (
        staff_client.post(f"{ASSETS_URL}{image_asset.pk}/delete/", {"post": "yes"}).status_code
        == 403
    )
    image_asset.refresh_from_db()
    assert image_asset.name == "cat.png"


def test_the_list_costs_the_same_for_many_files_as_for_few(
    staff_client, owner, image_asset, django_assert_max_num_queries
):
    for width in range(10, 30):
        image = encode_image(draw_half_transparent_image().resize((width, 10)), "PNG")
        services.add_image(owner=owner, content=image, name="x", now=NOW)
    with django_assert_max_num_queries(12):
        assert staff_client.get(ASSETS_URL).status_code == 200


@pytest.mark.parametrize("suffix", ["", "{}/change/", "{}/file/", "{}/poster/"])
def test_nobody_else_gets_in(client, owner, stranger, video_asset, suffix):
    url = ASSETS_URL + suffix.format(video_asset.pk)
    assert client.get(url).status_code == 302
    for user in (owner, stranger):
        client.force_login(user)
        assert client.get(url).status_code == 302


def test_staff_open_files_and_nobody_else_does(client, db, video_asset):
    client.force_login(User.objects.create_user("visitor"))
    assert client.get(f"{ASSETS_URL}{video_asset.pk}/file/").status_code == 302
    client.force_login(User.objects.create_user("helper", is_staff=True))
    assert client.get(f"{ASSETS_URL}{video_asset.pk}/file/").status_code == 200
    assert client.get(f"{ASSETS_URL}{video_asset.pk + 9}/file/").status_code == 404


def test_copies_at_evolink_are_listed(staff_client):
    RemoteCopy.objects.create(
        sha256="0" * 64,
        provider_key="here#1",
        file_id="file_7",
        file_url="https://x.org/",
        expires_at=NOW,
    )
    assert "file_7" in staff_client.get("/admin/library/remotecopy/").content.decode()


def test_a_name_that_looks_like_a_page_is_only_text(staff_client, image_asset):
    type(image_asset).objects.filter(pk=image_asset.pk).update(name="<script>alert(1)</script>")
    for url in (ASSETS_URL, f"{ASSETS_URL}{image_asset.pk}/change/"):
        assert b"<script>alert(1)" not in staff_client.get(url).content
