"""The library in an S3 store: the same promises, with the store sending large files itself."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from evolink_studio.environment import ROOT
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from evolink_studio.library import services, storage
from evolink_studio.library.models import Asset
from evolink_studio.library.s3_storage import StorageUnavailableError
from tests.factories import NOW, GenerationFactory
from tests.farend import FarEnd
from tests.library.conftest import nobody
from tests.library.footage import film
from tests.library.objects import ACCESS, REGION, SECRET, ObjectStore, Stored
from tests.pictures import picture
from tests.work import Worker


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    with ObjectStore() as running:
        yield running


def options(store: ObjectStore, **more: str) -> dict[str, object]:
    given = {
        "bucket_name": store.bucket,
        "endpoint_url": store.url,
        "public_url": store.url,
        "region_name": REGION,
        "access_key": ACCESS,
        "secret_key": SECRET,
    }
    return {
        "BACKEND": "evolink_studio.library.s3_storage.S3LibraryStorage",
        "OPTIONS": {**given, **more},
    }


@pytest.fixture(autouse=True)
def _kept_there(settings, store: ObjectStore, _plain_storage) -> None:
    settings.STORAGES = settings.STORAGES | {"default": options(store)}


def link_of(reply) -> str:
    assert reply.status_code == 302
    assert reply["Cache-Control"] == "no-store"
    return reply["Location"]


def fetched(link: str, **headers: str) -> httpx.Response:
    """As a browser fetches it: with the link alone, no cookie of ours."""
    return httpx.get(link, headers=headers, trust_env=False)


def test_a_film_lies_in_the_store_and_leaves_nothing_on_the_disk(clip, store, media):
    assert store.objects[str(clip.file)].mime == "video/mp4"
    assert len(store.objects[str(clip.file)].content) == clip.size_bytes
    assert str(clip.poster) in store.objects
    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_a_large_film_goes_up_in_parts_and_comes_back_whole(store):
    content = os.urandom(20 * 1024 * 1024)
    default_storage.save("assets/large.mp4", ContentFile(content))
    assert sum("partNumber" in asked for asked in store.asked) > 1
    assert store.objects["assets/large.mp4"].content == content
    assert storage.read_content("assets/large.mp4") == content


def test_its_owner_gets_a_link_that_plays_and_seeks(owned, clip, store):
    link = link_of(owned.get(f"/library/{clip.pk}/file"))
    whole = fetched(link)
    assert whole.status_code == 200
    assert whole.content == store.objects[str(clip.file)].content
    assert whole.headers["Content-Type"] == "video/mp4"
    part = fetched(link, Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, whole.content[10:20])


def test_a_download_has_the_name_that_its_owner_knows(owned, clip):
    kept = fetched(link_of(owned.get(f"/library/{clip.pk}/download")))
    assert kept.headers["Content-Disposition"] == 'attachment; filename="clip-1.mp4"'
    shown = fetched(link_of(owned.get(f"/library/{clip.pk}/file")))
    assert shown.headers["Content-Disposition"] == 'inline; filename="clip-1.mp4"'


@pytest.mark.parametrize("suffix", ["file", "download", "poster"])
def test_nobody_else_is_given_a_link(client, stranger, clip, store, suffix):
    asked = len(store.asked)
    assert "login" in client.get(f"/library/{clip.pk}/{suffix}")["Location"]
    client.force_login(stranger)
    assert client.get(f"/library/{clip.pk}/{suffix}").status_code == 404
    assert len(store.asked) == asked


def test_a_link_dies_after_a_quarter_of_an_hour(owned, clip, store):
    link = link_of(owned.get(f"/library/{clip.pk}/file"))
    store.ahead = timedelta(minutes=14)
    assert fetched(link).status_code == 200
    store.ahead = timedelta(minutes=16)
    assert fetched(link).status_code == 403


def test_a_link_opens_nothing_but_its_file(owned, clip, cat):
    link = link_of(owned.get(f"/library/{clip.pk}/file"))
    assert fetched(link.replace(str(clip.file), str(cat.file))).status_code == 403
    assert fetched(link.replace("video%2Fmp4", "text%2Fhtml")).status_code == 403
    assert fetched(link.partition("?")[0]).status_code == 403


def test_small_pictures_pass_through_and_stay_in_the_browser(owned, clip, store):
    reply = owned.get(f"/library/{clip.pk}/poster")
    assert reply.status_code == 200
    assert b"".join(reply) == store.objects[str(clip.poster)].content
    assert reply["Cache-Control"] == "private, max-age=86400, immutable"


def test_a_look_at_the_headers_needs_no_link(owned, clip):
    reply = owned.head(f"/library/{clip.pk}/file")
    assert reply.status_code == 200
    assert int(reply["Content-Length"]) == clip.size_bytes


def test_a_file_that_is_lost_in_the_store_is_not_found(owned, clip, store):
    store.objects.clear()
    assert owned.get(f"/library/{clip.pk}/poster").status_code == 404
    assert owned.head(f"/library/{clip.pk}/file").status_code == 404


def test_frames_and_adjusted_pictures_are_made_from_what_lies_there(clip, cat, store):
    still = services.add_frame(asset=clip, second=Decimal(1), now=NOW)
    small = services.edit_image(asset=cat, action="fit", width=32, height=32, now=NOW)
    assert {str(still.file), str(small.file)} < set(store.objects)
    assert storage.read_content(str(cat.file)) == store.objects[str(cat.file)].content


def test_browsers_are_sent_where_they_can_reach_the_store(settings, store, owned, clip):
    settings.STORAGES = settings.STORAGES | {
        "default": options(store, public_url="https://media.example.org")
    }
    link = link_of(owned.get(f"/library/{clip.pk}/file"))
    assert link.startswith(f"https://media.example.org/{store.bucket}/assets/")


def test_files_that_a_killed_process_left_are_removed(clip, store):
    name = f"assets/{NOW:%Y/%m}/nameless.mp4"
    store.objects[name] = Stored(b"bytes", "video/mp4", NOW)
    assert services.delete_orphans(now=NOW + timedelta(days=2), still_needed=nobody) == 1
    assert name not in store.objects
    assert str(clip.file) in store.objects


@pytest.mark.parametrize("act", ["open", "size", "exists", "delete"])
def test_a_store_that_is_away_is_trouble_of_the_kind_that_disks_make(clip, store, act):
    store.away = True
    with pytest.raises(StorageUnavailableError):
        getattr(default_storage, act)(str(clip.file))


def test_a_picture_given_while_the_store_is_away_is_refused_in_words(owned, store):
    store.away = True
    upload = SimpleUploadedFile("cat.png", picture(), "image/png")
    reply = owned.post("/library/upload", {"file": upload})
    assert reply.status_code == 503
    assert "cannot be reached right now" in reply.json()["error"]
    assert not Asset.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_film_waits_at_evolink_while_the_store_is_away(owner, store, tmp_path):
    with FarEnd() as far:
        url = far.serve("/film.mp4", film(tmp_path / "film.mp4", seconds=1).read_bytes())
        row = GenerationFactory(owner=owner, state=State.SAVING, result_urls=[url])
        worker = Worker(far.url)
        store.away = True
        worker.save()
        row.refresh_from_db()
        assert row.state == State.SAVING
        store.away = False
        worker.wait_for(row)
        worker.save()
    assert Generation.objects.get().state == State.COMPLETED
    assert str(Asset.objects.get().file) in store.objects


ASK = """
import django, json
django.setup()
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
rules = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
link = default_storage.signed_link("a.mp4", mime="video/mp4", disposition="inline", seconds=60)
print(json.dumps([link, list(map(str, rules["media-src"])), list(map(str, rules["img-src"]))]))
"""
KEYS = {"S3_BUCKET": "films", "S3_ACCESS_KEY": ACCESS, "S3_SECRET_KEY": SECRET}


@pytest.mark.parametrize(
    ("where", "origin"),
    [
        ({}, "https://films.s3.us-east-1.amazonaws.com"),
        ({"S3_ENDPOINT_URL": "https://s3.example.org"}, "https://s3.example.org"),
        (
            {"S3_ENDPOINT_URL": "http://store:8333", "S3_PUBLIC_URL": "https://media.example.org"},
            "https://media.example.org",
        ),
    ],
)
def test_pages_may_show_what_comes_from_where_links_lead(tmp_path: Path, where, origin):
    names = {"DJANGO_SETTINGS_MODULE": "evolink_studio.settings", "STUDIO_DATA": str(tmp_path)}
    said = subprocess.run(
        [sys.executable, "-c", ASK],
        env={**os.environ, **names, **KEYS, **where},
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    link, films, pictures = json.loads(said.stdout)
    parts = urlsplit(link)
    assert f"{parts.scheme}://{parts.netloc}" == origin
    assert origin in films
    assert origin in pictures
