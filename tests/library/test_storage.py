"""A file and its row come together, stay together, or neither is there."""

import os
import threading
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from evolink_studio.library import services
from evolink_studio.library.exceptions import DiskFull, FileRejected, InvalidImage, InvalidVideo
from evolink_studio.library.media.images import POSTER_SIDES
from evolink_studio.library.models import Asset
from tests.library.conftest import NOW, list_files, nothing_needed
from tests.sample_images import make_image
from tests.sample_videos import make_audio, make_video


def add_result(owner, path, name="clip-7", now=NOW):
    return services.add_result(owner_id=owner.pk, path=path, name=name, now=now)


def test_a_result_is_moved_in_with_its_facts_and_a_poster(owner, tmp_path, media_root):
    path = make_video(tmp_path / "download.mp4")
    content = path.read_bytes()
    asset = add_result(owner, path)
    assert not path.exists()
    assert (asset.kind, asset.origin, asset.name) == ("video", "result", "clip-7.mp4")
    assert (asset.width, asset.height, str(asset.seconds)) == (64, 48, "2.000")
    assert (media_root / asset.file.name).read_bytes() == content
    assert asset.size_bytes == len(content)
    assert asset.file.name.startswith("assets/2026/11/")
    assert len(list_files(media_root)) == 1 + len(POSTER_SIDES)


def test_saving_a_result_again_after_a_crash_finds_the_first_one(owner, tmp_path, media_root):
    first = add_result(owner, make_video(tmp_path / "a.mp4"))
    assert add_result(owner, make_video(tmp_path / "b.mp4")) == first
    assert len(list_files(media_root)) == 1 + len(POSTER_SIDES)


def test_equal_films_of_two_generations_are_two_assets(owner, tmp_path):
    first = add_result(owner, make_video(tmp_path / "a.mp4"), "clip-7")
    assert add_result(owner, make_video(tmp_path / "b.mp4"), "clip-8") != first


def test_a_result_that_does_not_play_is_refused_in_its_own_words(owner, tmp_path, media_root):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"<html>expired</html>")
    with pytest.raises(InvalidVideo, match="The film that arrived does not play"):
        add_result(owner, path)
    assert path.exists()
    assert not list_files(media_root)


def test_no_room_for_a_result_is_an_error_of_the_disk(owner, tmp_path, monkeypatch):
    def raise_disk_full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.link", raise_disk_full)
    monkeypatch.setattr("shutil.move", raise_disk_full)
    with pytest.raises(OSError, match="disk is full") as exc_info:
        add_result(owner, make_video(tmp_path / "a.mp4"))
    assert isinstance(exc_info.value, DiskFull)


def test_a_row_that_cannot_be_written_leaves_no_file(owner, media_root, monkeypatch):
    def raise_error(**fields):
        raise RuntimeError("database gone")

    monkeypatch.setattr(Asset.objects, "create", raise_error)
    with pytest.raises(RuntimeError, match="database gone"):
        services.add_image(owner=owner, content=make_image(), name="cat", now=NOW)
    assert not list_files(media_root)


@pytest.mark.django_db(transaction=True)
def test_the_same_picture_from_many_at_once_is_one_file(owner, media_root):
    start = threading.Barrier(6)
    asset_ids = []

    def add_file():
        start.wait()
        asset_ids.append(
            services.add_image(owner=owner, content=make_image(), name="cat", now=NOW).pk
        )
        connection.close()

    threads = [threading.Thread(target=add_file) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asset_ids) == 6
    assert len(set(asset_ids)) == 1
    assert len(list_files(media_root)) == 1 + len(POSTER_SIDES)


def test_a_file_that_nobody_names_is_deleted_after_a_day(owner, image_asset, media_root):
    try:
        with transaction.atomic():
            services.add_image(owner=owner, content=make_image(width=99), name="x", now=NOW)
            raise InterruptedError
    except InterruptedError:
        pass
    file_count = 1 + len(POSTER_SIDES)
    empty_folder = media_root / "incoming" / "left"
    empty_folder.mkdir(parents=True)
    for path in [*list_files(media_root), empty_folder]:
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    assert len(list_files(media_root)) == 2 * file_count
    assert services.delete_orphans(now=NOW + timedelta(hours=1), still_needed=nothing_needed) == 0
    later = NOW + timedelta(hours=25)
    assert services.delete_orphans(now=later, still_needed=nothing_needed) == file_count
    names = {path.relative_to(media_root).as_posix() for path in list_files(media_root)}
    assert names == image_asset.stored_names
    assert not empty_folder.exists()


def test_what_a_film_that_never_came_has_left_is_deleted_after_a_day(db, media_root):
    incoming = media_root / "incoming"
    incoming.mkdir(parents=True)
    for number, hours in enumerate([0, 23, 25]):
        for name in (f"{number}-0-x", f"{number}-0-x.note"):
            path = incoming / name
            path.write_bytes(b"half a film")
            modified_time = (NOW - timedelta(hours=hours)).timestamp()
            os.utime(path, (modified_time, modified_time))
    services.delete_orphans(now=NOW, still_needed=nothing_needed)
    assert sorted(path.name[0] for path in incoming.iterdir()) == ["0", "0", "1", "1"]


def test_looking_for_orphans_finds_rows_by_an_index_and_asks_once_for_many(
    owner, image_asset, media_root
):
    later = NOW + timedelta(hours=25)
    for path in list_files(media_root):
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    with CaptureQueriesContext(connection) as queries:
        assert services.delete_orphans(now=later, still_needed=nothing_needed) == 0
    asked = [query["sql"] for query in queries if "library_asset" in query["sql"]]
    assert len(asked) == 1, "one for all files of the month, none for posters"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # with so few rows it would not take any index
            cursor.execute("SET LOCAL enable_seqscan = off")
        words = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
        cursor.execute(f"{words} {asked[0]}")
        assert "asset_by_stored_name" in str(cursor.fetchall())


def test_a_file_whose_name_only_a_poster_field_has_is_not_deleted(owner, image_asset, media_root):
    """Whatever a stored name looks like: a row that names it keeps it."""
    stray = default_storage.save("assets/2026/11/other-poster-small.webp", ContentFile(b"x"))
    Asset.objects.update(poster_small=stray)
    for path in list_files(media_root):
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    later = NOW + timedelta(hours=25)
    assert services.delete_orphans(now=later, still_needed=nothing_needed) == 0
    assert default_storage.exists(stray)


def test_files_are_deleted_across_the_turn_of_a_month(owner, media_root):
    end = NOW.replace(day=30)
    services.add_image(owner=owner, content=make_image(), name="x", now=end)
    Asset.objects.all().delete()
    for path in list_files(media_root):
        os.utime(path, (end.timestamp(), end.timestamp()))
    file_count, later = len(list_files(media_root)), end + timedelta(days=2)
    assert services.delete_orphans(now=later, still_needed=nothing_needed) == file_count > 1
    assert not list_files(media_root)


@pytest.mark.parametrize("kind", ["image", "video", "audio"])
def test_a_field_for_one_kind_takes_no_other(owner, tmp_path, kind):
    contents = {
        "image": make_image(),
        "video": make_video(tmp_path / "a.mp4").read_bytes(),
        "audio": make_audio(tmp_path / "a.mp3").read_bytes(),
    }
    for name, content in contents.items():
        file = SimpleUploadedFile("a", content)
        if name == kind:
            asset = services.add_upload(owner=owner, file=file, kind=kind, now=NOW)
            assert asset.kind == kind
        else:
            with pytest.raises(FileRejected):
                services.add_upload(owner=owner, file=file, kind=kind, now=NOW)


def test_facts_of_a_file_are_plain_and_without_its_owner(image_asset, video_asset):
    assert image_asset.facts() == {
        "ref": f"asset:{image_asset.pk}",
        "kind": "image",
        "format": "png",
        "bytes": image_asset.size_bytes,
        "width": 64,
        "height": 48,
        "seconds": None,
    }
    assert video_asset.facts()["seconds"] == 2.0


def test_what_is_over_the_limit_is_refused_however_it_comes(owner, settings):
    settings.MAX_UPLOAD_BYTES = 100
    with pytest.raises(FileRejected, match="larger than"):
        services.add_image(owner=owner, content=make_image(), name="x", now=NOW)


def test_a_picture_without_a_name_gets_one(owner):
    asset = services.add_image(owner=owner, content=make_image(), name="../", now=NOW)
    assert asset.name == "file.png"


def test_nothing_is_kept_of_a_file_that_was_refused(owner, media_root):
    with pytest.raises(InvalidImage):
        services.add_image(owner=owner, content=b"text", name="x", now=NOW)
    assert not list_files(media_root)
