"""The files API."""

import base64
from datetime import datetime
from io import BytesIO

import pytest
from PIL import Image

from tests.sandbox.sandboxes import make_image_bytes

STREAM_PATH, BASE64_PATH = "/api/v1/files/upload/stream", "/api/v1/files/upload/base64"


def post_file(sandbox, content, name="cat.png", **fields):
    return sandbox.http.post(STREAM_PATH, files={"file": (name, content)}, data=fields)


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "webp"])
def test_a_picture_is_kept_for_72_hours_and_given_back_unchanged(sandbox, kind):
    content = make_image_bytes(kind=kind)
    answer = post_file(sandbox, content, name=f"my cat.{kind}").json()
    assert (answer["success"], answer["code"]) == (True, 200)
    data = answer["data"]
    assert data["mime_type"] == f"image/{kind}"
    assert data["file_size"] == len(content)
    assert data["original_name"] == f"my cat.{kind}"
    lifetime = datetime.fromisoformat(data["expires_at"]) - datetime.fromisoformat(
        data["upload_time"]
    )
    assert lifetime.total_seconds() == 72 * 3600
    link = sandbox.http.get(data["file_url"], headers={"Authorization": ""})
    assert link.content == content
    assert link.headers["content-type"] == f"image/{kind}"
    sandbox.advance(72 * 3600)
    assert sandbox.http.get(data["file_url"]).status_code == 404


def test_names_and_folders_can_be_asked_for_in_both_spellings(sandbox):
    first = post_file(sandbox, make_image_bytes(), file_name="one.png", upload_path="cats").json()[
        "data"
    ]
    assert (first["file_name"], first["upload_path"]) == ("one.png", "cats")
    second = post_file(sandbox, make_image_bytes(), fileName="two.png").json()["data"]
    assert second["file_name"] == "two.png"


@pytest.mark.parametrize("name", ["../../etc/passwd", "a<script>.html", "ü" * 300, "", ".."])
def test_a_strange_name_becomes_a_plain_one(sandbox, name):
    data = post_file(sandbox, make_image_bytes(), name="x", file_name=name).json()["data"]
    assert data["file_name"].endswith(".png")
    assert sandbox.http.get(data["file_url"]).status_code == 200


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_a_picture_can_come_as_base64(sandbox, prefix):
    content = make_image_bytes()
    body = {"base64_data": prefix + base64.b64encode(content).decode()}
    data = sandbox.http.post(BASE64_PATH, json=body).json()["data"]
    assert sandbox.http.get(data["file_url"]).content == content


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", b"<svg xmlns='x'/>", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_refused_with_status_200(sandbox, content):
    answer = post_file(sandbox, content)
    assert answer.status_code == 200
    assert answer.json()["success"] is False
    assert answer.json()["data"] is None


def test_a_picture_of_too_many_pixels_is_refused(sandbox):
    target = BytesIO()
    Image.new("1", (7000, 7000)).save(target, "png")
    assert post_file(sandbox, target.getvalue()).json()["success"] is False


@pytest.mark.parametrize("body", [{}, {"base64_data": 7}, {"base64_data": "%%%"}])
def test_base64_that_is_none_is_refused(sandbox, body):
    answer = sandbox.http.post(BASE64_PATH, json=body)
    assert answer.status_code == 400
    assert answer.json()["success"] is False


def test_the_sandbox_fetches_nothing_from_the_internet(sandbox):
    body = {"file_url": "https://pictures.example/cat.png"}
    answer = sandbox.http.post("/api/v1/files/upload/url", json=body)
    assert answer.status_code == 400
    assert "upload/stream" in answer.json()["msg"]


def test_a_stream_without_a_file_is_refused(sandbox):
    assert sandbox.http.post(STREAM_PATH, data={"file": "text"}).status_code == 400


@pytest.mark.parametrize("path", [STREAM_PATH, BASE64_PATH, "/api/v1/files/upload/url"])
def test_uploading_needs_a_key(sandbox, path):
    answer = sandbox.http.post(path, headers={"Authorization": ""})
    assert answer.status_code == 401


def test_an_upload_that_is_far_too_large_is_cut_short(sandbox):
    answer = post_file(sandbox, b"\0" * 45_000_001)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "request_too_large_error"


def test_the_quota_counts_living_files(make_sandbox):
    sandbox = make_sandbox(max_files=2)

    def quota():
        data = sandbox.http.get("/api/v1/files/quota").json()["data"]
        return data["used_files"], data["max_files"], data["remain_files"]

    first = post_file(sandbox, make_image_bytes()).json()["data"]
    post_file(sandbox, make_image_bytes())
    assert quota() == (2, 2, 0)
    full_reply = post_file(sandbox, make_image_bytes())
    assert (full_reply.status_code, full_reply.json()["success"]) == (200, False)
    delete_reply = sandbox.http.request("DELETE", f"/api/v1/files/{first['file_id']}")
    assert delete_reply.json()["success"] is True
    assert quota() == (1, 2, 1)
    assert sandbox.http.get(first["file_url"]).status_code == 404
    second_reply = sandbox.http.request("DELETE", f"/api/v1/files/{first['file_id']}")
    assert second_reply.status_code == 404
    sandbox.advance(72 * 3600)
    assert quota() == (0, 2, 2)


def test_expired_pictures_leave_the_disk(sandbox):
    post_file(sandbox, make_image_bytes())
    assert len(list(sandbox.settings.images_dir.iterdir())) == 1
    sandbox.advance(74 * 3600)
    assert list(sandbox.settings.images_dir.iterdir()) == []


def test_a_turned_photograph_has_the_size_that_is_seen(sandbox):
    target = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (1280, 720)).save(target, "jpeg", exif=exif)
    url = post_file(sandbox, target.getvalue(), name="photo.jpg").json()["data"]["file_url"]
    body = {"model": "sora-2-preview", "prompt": "x", "image_urls": [url]}
    assert sandbox.post_generation({**body, "aspect_ratio": "720x1280"}).status_code == 200
    assert sandbox.post_generation({**body, "aspect_ratio": "1280x720"}).status_code == 400
