"""The pictures page: finding, naming and deleting what one added."""

import re
from datetime import timedelta

import pytest

from evolink_studio.generations.models import GeneratedVideo
from evolink_studio.library.models import Asset
from tests.factories import NOW, AssetFactory, GenerationFactory, UserFactory
from tests.library.conftest import make_upload
from tests.sample_images import make_image

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return UserFactory(username="ada")


@pytest.fixture
def ada(client, owner):
    client.force_login(owner, "django.contrib.auth.backends.ModelBackend")
    return client


def shown_ids(reply) -> list[int]:
    return [int(pk) for pk in re.findall(r'id="picture-(\d+)"', reply.content.decode())]


def add_picture(owner, *, minutes=0, **facts) -> Asset:
    return AssetFactory(owner=owner, created_at=NOW + timedelta(minutes=minutes), **facts)


def test_every_added_file_comes_once_newest_first_and_no_film_made_here(ada, owner):
    origins = ("upload", "link", "frame", "edit")
    added = [add_picture(owner, minutes=n // 3, origin=origins[n % 4]) for n in range(110)]
    add_picture(owner, origin="result")
    add_picture(UserFactory())
    url, ids = "/pictures/", []
    while url:
        reply = ada.get(url)
        ids += shown_ids(reply)
        next_url = re.search(r'hx-get="(/pictures/\?after[^"]+)"', reply.content.decode())
        url = next_url and next_url[1].replace("&amp;", "&")
    newest_first = sorted(added, key=lambda asset: (asset.created_at, asset.pk), reverse=True)
    assert ids == [asset.pk for asset in newest_first]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=BOOT", ["Rotes Boot.png", "boot.mp4"]),
        ("q=rot+boot", ["Rotes Boot.png"]),
        ("q=Öl", ["Ölmühle.png"]),
        ("kind=video", ["boot.mp4"]),
        ("origin=edit", ["Ölmühle.png"]),
        ("q=boot&kind=image", ["Rotes Boot.png"]),
        (
            "q=%00&kind=nonsense&origin=result&after=nonsense",
            ["Rotes Boot.png", "boot.mp4", "Ölmühle.png"],
        ),
    ],
)
def test_files_are_found_by_name_kind_and_origin(ada, owner, query, names):
    add_picture(owner, name="Rotes Boot.png")
    add_picture(owner, name="boot.mp4", kind="video")
    add_picture(owner, name="Ölmühle.png", origin="edit")
    ids = shown_ids(ada.get(f"/pictures/?{query}"))
    assert sorted(Asset.objects.get(pk=pk).name for pk in ids) == sorted(names)


def test_an_empty_page_says_what_pictures_are_for_and_an_empty_search_leads_back(ada, owner):
    assert "Add the pictures that your films begin with" in ada.get("/pictures/").content.decode()
    add_picture(owner)
    assert 'href="/pictures/">Show all' in ada.get("/pictures/?q=nothing").content.decode()


def test_a_picture_says_in_which_films_it_is_and_what_was_made_of_it(ada, owner):
    picture = add_picture(owner, name="cat.png")
    crop = add_picture(owner, name="cat cropped.png", origin="edit", derived_from=picture)
    film = GenerationFactory(owner=owner, prompt="The cat sings")
    film.inputs.add(picture)
    assert "used in 1 film" in ada.get("/pictures/").content.decode()
    page = ada.get(f"/pictures/{picture.pk}/").content.decode()
    assert "The cat sings" in page
    assert "cat cropped.png" in page
    assert f"/create/sora-2-preview/?put=image_urls%3A{picture.pk}" in page
    page_of_crop = ada.get(f"/pictures/{crop.pk}/").content.decode()
    assert f'href="/pictures/{picture.pk}/"' in page_of_crop


def test_a_new_name_is_found_and_keeps_the_extension_of_its_format(ada, owner):
    picture = add_picture(owner, name="IMG_2041.png")
    ada.post(f"/pictures/{picture.pk}/name/", {"name": "Anna am Hafen.jpeg"})
    picture.refresh_from_db()
    assert picture.name == "Anna am Hafen.png"
    assert shown_ids(ada.get("/pictures/?q=hafen")) == [picture.pk]
    for name in ("", "   ", "\u202e", "x" * 500):
        ada.post(f"/pictures/{picture.pk}/name/", {"name": name})
    picture.refresh_from_db()
    assert picture.name == "Anna am Hafen.png"


def test_of_many_deleted_files_the_page_loses_just_these(ada, owner):
    pictures = [add_picture(owner) for _ in range(3)]
    needed, *others = pictures
    GenerationFactory(owner=owner, state="queued").inputs.add(needed)
    ids = ",".join(str(picture.pk) for picture in pictures)
    reply = ada.post(
        "/library/delete", {"page": "pictures", "asset": ids}, headers={"HX-Request": "true"}
    )
    text = reply.content.decode()
    assert "2 files deleted." in text
    assert "1 file stays, because a film that is not sent yet needs it." in text
    assert shown_ids(reply) == sorted(picture.pk for picture in others)
    assert Asset.objects.get() == needed


def test_without_scripts_several_files_are_added_at_once_and_each_refusal_is_named(ada, owner):
    files = [make_upload(make_image()), make_upload(b"no picture", name="notes.txt")]
    page = ada.post("/pictures/add/", {"file": files}, follow=True).content.decode()
    assert owner.assets.get().name == "cat.png"
    assert "1 file added." in page
    assert "notes.txt:" in page


def test_a_film_made_here_can_be_looked_at_but_not_deleted_here(ada, owner):
    clip = add_picture(owner, kind="video", origin="result", name="clip.mp4")
    GeneratedVideo.objects.create(
        generation=GenerationFactory(owner=owner, state="completed"), asset=clip, position=0
    )
    page = ada.get(f"/pictures/{clip.pk}/").content.decode()
    assert "Delete this file" not in page
    assert "<video" in page
