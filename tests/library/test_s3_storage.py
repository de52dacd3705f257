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
from evolink_studio.library.exceptions import StorageUnavailable
from evolink_studio.library.models import Asset
from tests.factories import NOW, GenerationFactory
from tests.fake_provider import FakeProvider
from tests.library.conftest import nothing_needed
from tests.library.s3_server import ACCESS_KEY, REGION, SECRET_KEY, FakeS3, StoredObject
from tests.manual_worker import ManualWorker
from tests.sample_images import make_image
from tests.sample_videos import make_video


@pytest.fixture
def fake_s3() -> Iterator[FakeS3]:
    with FakeS3() as server:
        yield server


def storage_options(fake_s3: FakeS3, **overrides: str) -> dict[str, object]:
    defaults = {
        "bucket_name": fake_s3.bucket,
        "endpoint_url": fake_s3.url,
        "public_url": fake_s3.url,
        "region_name": REGION,
        "access_key": ACCESS_KEY,
        "secret_key": SECRET_KEY,
    }
    return {
        "BACKEND": "evolink_studio.library.s3_storage.S3LibraryStorage",
        "OPTIONS": {**defaults, **overrides},
    }


@pytest.fixture(autouse=True)
def _s3_storage(settings, fake_s3: FakeS3, _temporary_storage) -> None:
    settings.STORAGES = settings.STORAGES | {"default": storage_options(fake_s3)}


def signed_link_of(reply) -> str:
    assert reply.status_code == 302
    assert reply["Cache-Control"] == "no-store"
    return reply["Location"]


def fetch_link(link: str, **headers: str) -> httpx.Response:
    """As a browser fetches it: with the link alone, no cookie of ours."""
    return httpx.get(link, headers=headers, trust_env=False)


def test_a_film_lies_in_the_store_and_leaves_nothing_on_the_disk(video_asset, fake_s3, media_root):
    assert fake_s3.objects[str(video_asset.file)].mime == "video/mp4"
    assert len(fake_s3.objects[str(video_asset.file)].content) == video_asset.size_bytes
    assert str(video_asset.poster) in fake_s3.objects
    assert [path for path in media_root.rglob("*") if path.is_file()] == []


def test_a_large_film_goes_up_in_parts_and_comes_back_whole(fake_s3):
    content = os.urandom(20 * 1024 * 1024)
    default_storage.save("assets/large.mp4", ContentFile(content))
    assert sum("partNumber" in request for request in fake_s3.requests) > 1
    assert fake_s3.objects["assets/large.mp4"].content == content
    assert storage.read_content("assets/large.mp4") == content


def test_its_owner_gets_a_link_that_plays_and_seeks(owner_client, video_asset, fake_s3):
    link = signed_link_of(owner_client.get(f"/library/{video_asset.pk}/file"))
    reply = fetch_link(link)
    assert reply.status_code == 200
    assert reply.content == fake_s3.objects[str(video_asset.file)].content
    assert reply.headers["Content-Type"] == "video/mp4"
    part = fetch_link(link, Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, reply.content[10:20])


def test_a_download_has_the_name_that_its_owner_knows(owner_client, video_asset):
    download = fetch_link(signed_link_of(owner_client.get(f"/library/{video_asset.pk}/download")))
    assert download.headers["Content-Disposition"] == 'attachment; filename="clip-1.mp4"'
    inline_file = fetch_link(signed_link_of(owner_client.get(f"/library/{video_asset.pk}/file")))
    assert inline_file.headers["Content-Disposition"] == 'inline; filename="clip-1.mp4"'


@pytest.mark.parametrize("suffix", ["file", "download", "poster"])
def test_nobody_else_is_given_a_link(client, stranger, video_asset, fake_s3, suffix):
    request_count = len(fake_s3.requests)
    assert "login" in client.get(f"/library/{video_asset.pk}/{suffix}")["Location"]
    client.force_login(stranger)
    assert client.get(f"/library/{video_asset.pk}/{suffix}").status_code == 404
    assert len(fake_s3.requests) == request_count


def test_a_link_dies_after_a_quarter_of_an_hour(owner_client, video_asset, fake_s3):
    link = signed_link_of(owner_client.get(f"/library/{video_asset.pk}/file"))
    fake_s3.clock_offset = timedelta(minutes=14)
    assert fetch_link(link).status_code == 200
    fake_s3.clock_offset = timedelta(minutes=16)
    assert fetch_link(link).status_code == 403


def test_a_link_opens_nothing_but_its_file(owner_client, video_asset, image_asset):
    link = signed_link_of(owner_client.get(f"/library/{video_asset.pk}/file"))
    assert fetch_link(link.replace(str(video_asset.file), str(image_asset.file))).status_code == 403
    assert fetch_link(link.replace("video%2Fmp4", "text%2Fhtml")).status_code == 403
    assert fetch_link(link.partition("?")[0]).status_code == 403


def test_small_pictures_pass_through_and_stay_in_the_browser(owner_client, video_asset, fake_s3):
    reply = owner_client.get(f"/library/{video_asset.pk}/poster")
    assert reply.status_code == 200
    assert b"".join(reply) == fake_s3.objects[str(video_asset.poster)].content
    assert reply["Cache-Control"] == "private, max-age=86400, immutable"


def test_a_head_request_needs_no_link(owner_client, video_asset):
    reply = owner_client.head(f"/library/{video_asset.pk}/file")
    assert reply.status_code == 200
    assert int(reply["Content-Length"]) == video_asset.size_bytes


def test_a_file_that_is_lost_in_the_store_is_not_found(owner_client, video_asset, fake_s3):
    fake_s3.objects.clear()
    assert owner_client.get(f"/library/{video_asset.pk}/poster").status_code == 404
    assert owner_client.head(f"/library/{video_asset.pk}/file").status_code == 404


def test_frames_and_adjusted_pictures_are_made_from_what_lies_there(
    video_asset, image_asset, fake_s3
):
    frame = services.add_frame(asset=video_asset, second=Decimal(1), now=NOW)
    small_asset = services.edit_image(asset=image_asset, action="fit", width=32, height=32, now=NOW)
    assert {str(frame.file), str(small_asset.file)} < set(fake_s3.objects)
    assert (
        storage.read_content(str(image_asset.file))
        == fake_s3.objects[str(image_asset.file)].content
    )


def test_browsers_are_sent_where_they_can_reach_the_store(
    settings, fake_s3, owner_client, video_asset
):
    settings.STORAGES = settings.STORAGES | {
        "default": storage_options(fake_s3, public_url="https://media.example.org")
    }
    link = signed_link_of(owner_client.get(f"/library/{video_asset.pk}/file"))
    assert link.startswith(f"https://media.example.org/{fake_s3.bucket}/assets/")


def test_files_that_a_killed_process_left_are_removed(video_asset, fake_s3):
    name = f"assets/{NOW:%Y/%m}/nameless.mp4"
    fake_s3.objects[name] = StoredObject(b"bytes", "video/mp4", NOW)
    assert services.delete_orphans(now=NOW + timedelta(days=2), still_needed=nothing_needed) == 1
    assert name not in fake_s3.objects
    assert str(video_asset.file) in fake_s3.objects


@pytest.mark.parametrize("action", ["open", "size", "exists", "delete"])
def test_a_store_that_is_away_is_trouble_of_the_kind_that_disks_make(video_asset, fake_s3, action):
    fake_s3.is_unavailable = True
    with pytest.raises(StorageUnavailable):
        getattr(default_storage, action)(str(video_asset.file))


def test_a_picture_given_while_the_store_is_away_is_refused_in_words(owner_client, fake_s3):
    fake_s3.is_unavailable = True
    upload = SimpleUploadedFile("cat.png", make_image(), "image/png")
    reply = owner_client.post("/library/upload", {"file": upload})
    assert reply.status_code == 503
    assert "cannot be reached right now" in reply.json()["error"]
    assert not Asset.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_film_waits_at_evolink_while_the_store_is_away(owner, fake_s3, tmp_path):
    with FakeProvider() as fake_provider:
        url = fake_provider.serve_file(
            "/film.mp4", make_video(tmp_path / "film.mp4", seconds=1).read_bytes()
        )
        row = GenerationFactory(owner=owner, state=State.SAVING, result_urls=[url])
        worker = ManualWorker(fake_provider.url)
        fake_s3.is_unavailable = True
        worker.download_due()
        row.refresh_from_db()
        assert row.state == State.SAVING
        fake_s3.is_unavailable = False
        worker.advance_until_due(row)
        worker.download_due()
    assert Generation.objects.get().state == State.COMPLETED
    assert str(Asset.objects.get().file) in fake_s3.objects


CONTENT_POLICY_SCRIPT = """
import django, json
django.setup()
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
rules = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
link = default_storage.sign_link("a.mp4", mime="video/mp4", disposition="inline", seconds=60)
print(json.dumps([link, list(map(str, rules["media-src"])), list(map(str, rules["img-src"]))]))
"""
S3_ENVIRONMENT = {"S3_BUCKET": "films", "S3_ACCESS_KEY": ACCESS_KEY, "S3_SECRET_KEY": SECRET_KEY}


@pytest.mark.parametrize(
    ("location", "origin"),
    [
        ({}, "https://films.s3.us-east-1.amazonaws.com"),
        ({"S3_ENDPOINT_URL": "https://s3.example.org"}, "https://s3.example.org"),
        (
            {"S3_ENDPOINT_URL": "http://store:8333", "S3_PUBLIC_URL": "https://media.example.org"},
            "https://media.example.org",
        ),
    ],
)
def test_pages_may_show_what_comes_from_where_links_lead(tmp_path: Path, location, origin):
    names = {"DJANGO_SETTINGS_MODULE": "evolink_studio.settings", "STUDIO_DATA": str(tmp_path)}
    output = subprocess.run(
        [sys.executable, "-c", CONTENT_POLICY_SCRIPT],
        env={**os.environ, **names, **S3_ENVIRONMENT, **location},
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    link, films, pictures = json.loads(output.stdout)
    parts = urlsplit(link)
    assert f"{parts.scheme}://{parts.netloc}" == origin
    assert origin in films
    assert origin in pictures
