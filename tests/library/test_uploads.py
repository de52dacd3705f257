"""Giving a file through the page: what arrives, what is stopped, and what the person is told."""

import errno
import io
import json
import re

import pytest
from django.test import Client

from evolink_studio.library import filenames
from evolink_studio.library.media.images import POSTER_SIDES
from evolink_studio.library.models import Asset
from tests.library.conftest import list_files, make_upload
from tests.sample_images import (
    decode_image,
    draw_half_transparent_image,
    encode_image,
    make_image,
    make_photo,
    make_png_bomb,
)
from tests.sample_videos import make_audio, make_video

UPLOAD_URL = "/library/upload"


def post_upload(client, content, name="cat.png", type="image/png"):
    return client.post(
        UPLOAD_URL, {"file": make_upload(content, name, type), "param": "image_urls"}
    )


class CountedBody(io.RawIOBase):
    """A body that counts how much of it was read."""

    def __init__(self, head):
        self.head, self.read_bytes = head, 0

    def read(self, size=-1):
        size = 65536 if size < 0 else size
        content, self.head = self.head[:size], self.head[size:]
        content += bytes(size - len(content))
        self.read_bytes += len(content)
        return content


def multipart_head(name="big.png", token=""):
    field = f'--B\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{token}\r\n'
    file = f'--B\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return ((field if token else "") + file).encode()


def post_raw(client, body, length, **headers):
    form = {"CONTENT_TYPE": "multipart/form-data; boundary=B", "CONTENT_LENGTH": length}
    return client.generic("POST", UPLOAD_URL, **{"wsgi.input": body, **form, **headers})


def test_a_picture_is_answered_with_its_facts(owner_client, owner):
    reply = post_upload(
        owner_client, make_photo(width=200, height=100), "holiday.JPG", "image/jpeg"
    )
    asset = Asset.objects.get()
    assert reply.json() == {
        "ref": f"asset:{asset.pk}",
        "name": "holiday.jpg",
        "kind": "image",
        "format": "jpeg",
        "bytes": asset.size_bytes,
        "width": 200,
        "height": 100,
        "seconds": None,
        "thumbnail": f"/library/{asset.pk}/poster/small",
    }
    assert (asset.owner, asset.origin) == (owner, "upload")


def test_what_is_kept_is_what_was_written_here(owner_client):
    content = make_photo(width=200, height=100)
    ref = post_upload(owner_client, content).json()["ref"]
    request_body = b"".join(
        owner_client.get(f"/library/{ref.removeprefix('asset:')}/file").streaming_content
    )
    assert decode_image(request_body).size == (200, 100)
    assert b"Secret Camera" in content
    assert b"Secret Camera" not in request_body


def test_films_and_sounds_are_known_by_their_bytes(owner_client, tmp_path):
    clip = post_upload(owner_client, make_video(tmp_path / "a.mp4").read_bytes(), "clip.png").json()
    audio_data = post_upload(
        owner_client, make_audio(tmp_path / "a.mp3").read_bytes(), "hum.png"
    ).json()
    assert (clip["kind"], clip["format"], clip["seconds"]) == ("video", "mp4", "2.000")
    assert (audio_data["kind"], audio_data["format"], audio_data["thumbnail"]) == (
        "audio",
        "mp3",
        None,
    )
    assert (clip["name"], audio_data["name"]) == ("clip.mp4", "hum.mp3")


def test_a_slot_for_pictures_takes_no_film(owner_client, tmp_path):
    clip = make_upload(make_video(tmp_path / "a.mp4").read_bytes(), "clip.mp4", "video/mp4")
    reply = owner_client.post(UPLOAD_URL, {"file": clip, "kind": "image"})
    assert reply.status_code == 400
    assert "not a picture" in reply.json()["error"]


def test_a_kind_that_nobody_knows_is_not_believed(owner_client):
    assert owner_client.post(
        UPLOAD_URL, {"file": make_upload(make_image()), "kind": "page"}
    ).json()["ref"]


@pytest.mark.parametrize("name", ["photo.heic", "photo.png"])
def test_a_picture_from_a_phone_becomes_a_jpeg(owner_client, name):
    data = post_upload(owner_client, make_image("HEIF"), name, "image/heic").json()
    assert (data["format"], data["name"]) == ("jpeg", "photo.jpg")


@pytest.mark.parametrize(
    ("content", "type"),
    [
        (b"only text", "image/png"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/svg+xml"),
        (b"<!doctype html><script>alert(1)</script>", "text/html"),
        (b"", "image/png"),
        (b"\0\0\0\x18ftypisom" + bytes(300), "video/mp4"),
        (b"ID3" + bytes(300), "audio/mpeg"),
    ],
)
def test_what_is_not_what_it_says_is_refused_and_nothing_is_kept(
    owner_client, media_root, content, type
):
    reply = post_upload(owner_client, content, "cat.png", type)
    assert reply.status_code == 400
    assert "Nothing was sent or charged" in reply.json()["error"]
    assert not Asset.objects.exists()
    assert not list_files(media_root)


def test_a_flood_of_pixels_is_refused(owner_client):
    reply = post_upload(owner_client, make_png_bomb(13_000, 13_000))
    assert reply.status_code == 400
    assert "100 million pixels" in reply.json()["error"]


def test_refusals_speak_the_persons_language(owner_client, settings, monkeypatch):
    monkeypatch.setattr(
        "evolink_studio.library.exceptions.gettext", lambda text: f"[{text[:9]}]" if text else text
    )
    assert post_upload(owner_client, b"only text").json()["error"] == "[This file]"


@pytest.mark.parametrize(
    ("given_name", "stored_name"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("C:\\Users\\ada\\cat.png", "cat.png"),
        ("cat\u202egnp.exe.png", "catgnp.exe.png"),
        ("a&#13;&#10;Set-Cookie: x=1.png", "aSet-Cookie: x=1.png"),
        ("b\0ell.png", "bell.png"),
        ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png"),
        ("Katze im Frühling 🐈.png", "Katze im Frühling 🐈.png"),
        ("x" * 250 + ".png", "x" * 116 + ".png"),
        ("   .png", "png.png"),
    ],
)
def test_names_are_shown_and_never_used_on_the_disk(
    owner_client, media_root, given_name, stored_name
):
    data = post_upload(owner_client, make_image(), given_name).json()
    assert data["name"] == stored_name
    for path in list_files(media_root):
        assert path.relative_to(media_root).as_posix().startswith("assets/2")
        assert re.fullmatch(r"[0-9a-f]{32}(-poster-[a-z]+)?", path.stem)
    reply = owner_client.get(data["thumbnail"].replace("poster/small", "download"))
    assert "\n" not in reply["Content-Disposition"]
    assert reply["Content-Disposition"].startswith("attachment; filename")


def test_a_name_is_one_visible_line():
    assert filenames.clean_name("a\r\n b\u2028c\t.png") == "a b c .png"
    assert filenames.clean_name("\ud800\u200fcat\ufeff") == "cat"
    assert filenames.clean_name("...", fallback="picture") == "picture"


def test_the_same_picture_twice_is_one_file(owner_client, media_root):
    first, second = (
        post_upload(owner_client, make_image(), "one.png").json(),
        post_upload(owner_client, make_image()).json(),
    )
    assert first == second
    assert len(list_files(media_root)) == 1 + len(POSTER_SIDES)


def test_two_people_with_the_same_picture_have_one_each(owner_client, stranger):
    other_client = Client()
    other_client.force_login(stranger)
    assert (
        post_upload(owner_client, make_image()).json()["ref"]
        != post_upload(other_client, make_image()).json()["ref"]
    )


def test_without_a_file_the_answer_says_so(owner_client):
    reply = owner_client.post(UPLOAD_URL, {"param": "image_urls"})
    assert reply.status_code == 400
    assert "No file arrived" in reply.json()["error"]


def test_five_gigabytes_are_refused_without_being_read(owner_client):
    body = CountedBody(multipart_head())
    reply = post_raw(owner_client, body, 5 * 1024**3)
    assert reply.status_code == 413
    assert "larger than 50 MB" in reply.json()["error"]
    assert body.read_bytes < 1024**2


def test_five_gigabytes_in_a_plain_form_are_refused_too(owner):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    client.cookies["csrftoken"] = token = "a" * 32
    reply = post_raw(client, CountedBody(multipart_head(token=token)), 5 * 1024**3)
    assert reply.status_code == 413


def test_a_file_just_over_the_limit_is_stopped_on_its_way(owner_client, settings, media_root):
    settings.MAX_UPLOAD_BYTES = 1024**2
    reply = post_upload(owner_client, make_image("BMP", width=700, height=600))
    assert reply.status_code == 413
    assert "larger than 1 MB" in reply.json()["error"]
    assert not list_files(media_root)


def test_a_body_in_chunks_without_a_length_is_answered_and_not_swallowed(owner_client):
    body = CountedBody(multipart_head())
    reply = post_raw(owner_client, body, "", HTTP_TRANSFER_ENCODING="chunked")
    assert reply.status_code == 400
    assert "No file arrived" in reply.json()["error"]
    assert body.read_bytes < 1024**2


def test_nobody_who_is_not_signed_in_makes_the_studio_store_bytes(client, db):
    body = CountedBody(multipart_head())
    assert post_raw(client, body, 40 * 1024**2).status_code == 302
    assert body.read_bytes < 1024**2


def test_a_full_disk_is_said_while_the_file_arrives(owner_client, monkeypatch):
    def raise_disk_full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(
        "django.core.files.uploadedfile.TemporaryUploadedFile.write", raise_disk_full
    )
    reply = post_upload(owner_client, make_image())
    assert reply.status_code == 507
    assert "disk is full" in reply.json()["error"]


@pytest.mark.parametrize(
    "failing_function",
    [
        "pathlib.Path.write_bytes",
        "evolink_studio.library.storage._move_into_place",
        "os.fsync",
        "tempfile.TemporaryDirectory.__init__",
    ],
)
def test_a_full_disk_is_said_while_the_file_is_kept(
    owner_client, monkeypatch, media_root, failing_function
):
    def raise_disk_full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(failing_function, raise_disk_full)
        reply = post_upload(owner_client, make_image())
    assert reply.status_code == 507
    assert "disk is full" in reply.json()["error"]
    assert not Asset.objects.exists()
    assert not list_files(media_root)


def test_a_full_disk_for_the_poster_takes_the_picture_away_again(
    owner_client, monkeypatch, media_root
):
    def raise_disk_full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("django.core.files.storage.FileSystemStorage.save", raise_disk_full)
    assert post_upload(owner_client, make_image()).status_code == 507
    assert not list_files(media_root)


def test_a_picture_is_fitted_and_converted_into_new_files(owner_client, owner):
    ref = post_upload(
        owner_client, encode_image(draw_half_transparent_image(), "PNG"), "logo.png"
    ).json()["ref"]
    edit = f"/library/{ref.removeprefix('asset:')}/edit"
    fitted_data = owner_client.post(edit, {"action": "fit", "width": 1280, "height": 720}).json()
    jpeg = owner_client.post(edit, {"action": "jpeg"}).json()
    assert (fitted_data["width"], fitted_data["height"], fitted_data["format"]) == (
        1280,
        720,
        "png",
    )
    assert (jpeg["name"], jpeg["format"]) == ("logo.jpg", "jpeg")
    assert len({ref, fitted_data["ref"], jpeg["ref"]}) == 3
    assert set(owner.assets.values_list("origin", flat=True)) == {"upload", "edit"}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"action": "explode"},
        {"action": "fit"},
        {"action": "fit", "width": 0, "height": 720},
        {"action": "fit", "width": 16000, "height": 16000},
        {"action": "fit", "width": "9" * 30, "height": 1},
        {"action": "fit", "width": "x", "height": "y"},
    ],
)
def test_a_change_that_cannot_be_made_is_refused(owner_client, image_asset, fields):
    reply = owner_client.post(f"/library/{image_asset.pk}/edit", fields)
    assert reply.status_code == 400
    assert "The picture is as it was" in reply.json()["error"]
    assert Asset.objects.count() == 1


def test_a_film_cannot_be_edited_as_a_picture_nor_a_picture_give_frames(
    owner_client, image_asset, video_asset
):
    assert (
        owner_client.post(f"/library/{video_asset.pk}/edit", {"action": "jpeg"}).status_code == 400
    )
    assert owner_client.post(f"/library/{image_asset.pk}/frame", {"second": "1"}).status_code == 400


def test_a_frame_of_a_film_becomes_a_picture(owner_client, video_asset):
    data = owner_client.post(f"/library/{video_asset.pk}/frame", {"second": "1.5"}).json()
    assert (data["kind"], data["format"]) == ("image", "jpeg")
    assert data["name"] == "clip-1 1.50 s.jpg"
    assert Asset.objects.get(kind="image").origin == "frame"


@pytest.mark.parametrize("second", ["", "x", "-1", "NaN", "Infinity", "1e99", "9" * 400])
def test_a_second_that_makes_no_sense_is_refused(owner_client, video_asset, second):
    reply = owner_client.post(f"/library/{video_asset.pk}/frame", {"second": second})
    assert reply.status_code == 400
    assert json.loads(reply.content)["error"]
