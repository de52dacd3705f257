"""Files in the admin pages."""

import pytest

from evolink_studio.accounts.models import User
from evolink_studio.library import services
from evolink_studio.library.models import RemoteCopy
from tests.library.conftest import NOW
from tests.library.footage import sound
from tests.pictures import encoded, half_clear

LIST = "/admin/library/asset/"


@pytest.fixture
def root(client, staff):
    client.force_login(staff)
    return client


def test_staff_see_the_files_of_everybody_and_can_play_them(root, cat, clip):
    page = root.get(LIST).content.decode()
    assert "cat.png" in page
    assert f"{LIST}{clip.pk}/poster/" in page
    detail = root.get(f"{LIST}{clip.pk}/change/").content.decode()
    assert "<video" in detail
    assert "controls" in detail
    assert f'src="{LIST}{clip.pk}/file/"' in detail
    assert root.get(f"{LIST}{clip.pk}/file/", headers={"Range": "bytes=0-"}).status_code == 206
    assert root.get(f"{LIST}{clip.pk}/poster/").status_code == 200
    assert "<img" in root.get(f"{LIST}{cat.pk}/change/").content.decode()


def test_a_sound_has_no_poster(root, owner, tmp_path):
    with sound(tmp_path / "a.mp3").open("rb") as content:
        asset = services.add_audio(owner=owner, content=content, name="hum", now=NOW)
    assert root.get(LIST).status_code == 200
    assert "<audio" in root.get(f"{LIST}{asset.pk}/change/").content.decode()
    assert root.get(f"{LIST}{asset.pk}/poster/").status_code == 404


@pytest.mark.parametrize(
    "query", ["?q=cat", "?q=ada", "?kind__exact=image", "?origin__exact=upload"]
)
def test_files_are_found_by_name_person_and_kind(root, cat, clip, query):
    page = root.get(LIST + query).content.decode()
    assert "cat.png" in page
    assert ("clip-1.mp4" in page) == (query == "?q=ada")


def test_nothing_is_written_by_hand(root, cat):
    assert root.get(f"{LIST}add/").status_code == 403
    assert root.post(f"{LIST}{cat.pk}/change/", {"name": "other"}).status_code == 403
    assert root.post(f"{LIST}{cat.pk}/delete/", {"post": "yes"}).status_code == 403
    cat.refresh_from_db()
    assert cat.name == "cat.png"


def test_the_list_costs_the_same_for_many_files_as_for_few(
    root, owner, cat, django_assert_max_num_queries
):
    for width in range(10, 30):
        image = encoded(half_clear().resize((width, 10)), "PNG")
        services.add_image(owner=owner, content=image, name="x", now=NOW)
    with django_assert_max_num_queries(12):
        assert root.get(LIST).status_code == 200


@pytest.mark.parametrize("suffix", ["", "{}/change/", "{}/file/", "{}/poster/"])
def test_nobody_else_gets_in(client, owner, stranger, clip, suffix):
    url = LIST + suffix.format(clip.pk)
    assert client.get(url).status_code == 302
    for person in (owner, stranger):
        client.force_login(person)
        assert client.get(url).status_code == 302


def test_staff_open_files_and_nobody_else_does(client, db, clip):
    client.force_login(User.objects.create_user("visitor"))
    assert client.get(f"{LIST}{clip.pk}/file/").status_code == 302
    client.force_login(User.objects.create_user("helper", is_staff=True))
    assert client.get(f"{LIST}{clip.pk}/file/").status_code == 200
    assert client.get(f"{LIST}{clip.pk + 9}/file/").status_code == 404


def test_copies_at_evolink_are_listed(root):
    RemoteCopy.objects.create(
        sha256="0" * 64,
        provider_key="here#1",
        file_id="file_7",
        file_url="https://x.org/",
        expires_at=NOW,
    )
    assert "file_7" in root.get("/admin/library/remotecopy/").content.decode()


def test_a_name_that_looks_like_a_page_is_only_text(root, cat):
    type(cat).objects.filter(pk=cat.pk).update(name="<script>alert(1)</script>")
    for url in (LIST, f"{LIST}{cat.pk}/change/"):
        assert b"<script>alert(1)" not in root.get(url).content
