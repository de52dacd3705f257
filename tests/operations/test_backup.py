"""Creating a backup: what is in it, what is not, and what it reports."""

import hashlib
import stat
import subprocess
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from evolink_studio.library.models import POSTER_FIELD_BY_SIZE, Asset
from evolink_studio.operations.backup import BackupError, create_backup
from evolink_studio.operations.backup.repository import (
    FILE_LIST,
    MANIFEST_FILE,
    BackupRepository,
    read_file_list,
    read_manifest,
)
from tests.factories import AssetFactory, GenerationFactory, UserFactory
from tests.operations.backup_files import (
    BACKUP_TIME,
    backup_folder,
    create_asset_with_poster,
    list_files,
)

pytestmark = pytest.mark.django_db(transaction=True)


def read_plain(path: Path) -> bytes:
    """What stands in a file; a dump of PostgreSQL is packed."""
    if path.suffix != ".dump":
        return path.read_bytes()
    return subprocess.run(["pg_restore", "--file=-", path], check=True, capture_output=True).stdout


def test_a_backup_says_what_is_in_it(ada, backup_target):
    GenerationFactory.create_batch(3, owner=ada)
    AssetFactory(owner=ada)
    create_backup(backup_target, now=BACKUP_TIME)
    manifest = read_manifest(backup_folder(backup_target))
    assert manifest.taken == BACKUP_TIME
    assert manifest.engine == connection.vendor
    assert manifest.rows["generations_generation"] == 3
    assert manifest.rows["accounts_user"] == 1
    assert manifest.files_count == 1
    assert manifest.missing == ()
    assert (
        manifest.database.bytes
        == (backup_folder(backup_target) / manifest.database.name).stat().st_size
    )


def test_every_file_lies_under_its_hash(ada, backup_target):
    asset = create_asset_with_poster(ada)
    create_backup(backup_target, now=BACKUP_TIME)
    media = {path.name for path in (backup_target / "media").iterdir()}
    assert media == {asset.sha256, hashlib.sha256(b"small").hexdigest()}
    assert {c.name for c in read_file_list(backup_folder(backup_target) / FILE_LIST)} == {
        asset.file,
        asset.poster,
    }


def test_posters_of_every_size_are_copied(ada, backup_target):
    posters = {
        field: default_storage.save(f"assets/test/a-{field}.webp", ContentFile(field.encode()))
        for field in POSTER_FIELD_BY_SIZE.values()
    }
    asset = AssetFactory(owner=ada, **posters)
    create_backup(backup_target, now=BACKUP_TIME)
    content_by_name = {
        content.name: (backup_target / "media" / content.sha256).read_bytes()
        for content in read_file_list(backup_folder(backup_target) / FILE_LIST)
    }
    assert set(content_by_name) == asset.stored_names
    assert {content_by_name[name].decode() for name in posters.values()} == set(posters)


def test_the_same_film_of_two_people_is_copied_once(backup_target):
    for _ in range(2):
        AssetFactory(owner=UserFactory(), content=b"a film")
    backup = create_backup(backup_target, now=BACKUP_TIME)
    assert (backup.manifest.files_count, backup.copied_count) == (2, 1)


def test_the_next_backup_copies_only_what_is_new_and_keeps_the_first(ada, backup_target):
    create_asset_with_poster(ada)
    create_backup(backup_target, now=BACKUP_TIME)
    AssetFactory(owner=ada)
    backup = create_backup(backup_target, now=BACKUP_TIME + timedelta(hours=1))
    assert (backup.manifest.files_count, backup.copied_count) == (3, 1)
    assert BackupRepository(backup_target).list_backups() == [
        "20261120T120000Z",
        "20261120T130000Z",
    ]
    assert read_manifest(backup_folder(backup_target)).files_count == 2


def test_a_file_cut_short_in_the_backup_is_copied_again(ada, backup_target):
    asset = AssetFactory(owner=ada)
    create_backup(backup_target, now=BACKUP_TIME)
    copy = backup_target / "media" / asset.sha256
    copy.write_bytes(copy.read_bytes()[:-1])
    create_backup(backup_target, now=BACKUP_TIME + timedelta(hours=1))
    assert copy.stat().st_size == asset.size_bytes


def test_files_may_be_left_out(ada, backup_target):
    AssetFactory(owner=ada)
    backup = create_backup(backup_target, now=BACKUP_TIME, with_media=False)
    assert backup.manifest.files is None
    assert list((backup_target / "media").iterdir()) == []


def test_files_come_from_any_storage(ada, backup_target, settings):
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    }
    asset = AssetFactory(owner=ada)
    assert not Path(default_storage.path(str(asset.file))).exists()
    create_backup(backup_target, now=BACKUP_TIME)
    assert (backup_target / "media" / asset.sha256).stat().st_size == asset.size_bytes


def test_neither_keys_nor_sessions_are_in_a_backup(ada, backup_target, client, settings):
    settings.EVOLINK_API_KEY = "sk-evo-hidden-in-a-test"
    client.force_login(ada)
    cache.set("throttle", "of somebody")
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    create_backup(backup_target, now=BACKUP_TIME)
    backup_bytes = b"".join(map(read_plain, list_files(backup_target)))
    for secret in (session, settings.SECRET_KEY, settings.EVOLINK_API_KEY):
        assert secret.encode() not in backup_bytes
    assert "django_session" not in read_manifest(backup_folder(backup_target)).rows


def test_nobody_else_on_the_machine_may_look_into_a_backup(ada, backup_target):
    create_backup(backup_target, now=BACKUP_TIME)
    for path in (
        backup_target,
        backup_target / "media",
        backup_target / "backups",
        backup_folder(backup_target),
    ):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_film_that_is_gone_is_named_and_all_else_is_kept(ada, backup_target):
    lost_asset, stored_asset = AssetFactory(owner=ada), AssetFactory(owner=ada)
    default_storage.delete(str(lost_asset.file))
    with pytest.raises(CommandError, match=f"1 files .* the first is {lost_asset.file}"):
        call_command("backup", str(backup_target), stdout=StringIO())
    (name,) = BackupRepository(backup_target).list_backups()
    assert read_manifest(backup_folder(backup_target, name)).missing == (lost_asset.file,)
    assert (backup_target / "media" / stored_asset.sha256).exists()


def test_a_film_whose_bytes_have_changed_is_named(ada, backup_target):
    asset = AssetFactory(owner=ada)
    Path(default_storage.path(str(asset.file))).write_bytes(b"rotten")
    assert create_backup(backup_target, now=BACKUP_TIME).manifest.missing == (asset.file,)


def test_a_file_whose_row_went_meanwhile_is_no_trouble(ada, backup_target, monkeypatch):
    asset = AssetFactory(owner=ada)

    def delete_then_copy(storage, name):
        Asset.objects.all().delete()
        raise FileNotFoundError(name)

    monkeypatch.setattr(FileSystemStorage, "open", delete_then_copy)
    manifest = create_backup(backup_target, now=BACKUP_TIME).manifest
    assert manifest.rows["library_asset"] == 1
    assert manifest.missing == ()
    assert not (backup_target / "media" / asset.sha256).exists()


def test_a_backup_that_breaks_off_leaves_nothing_that_looks_finished(
    ada, backup_target, monkeypatch
):
    AssetFactory(owner=ada)

    def raise_disk_full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(BackupRepository, "add_content", raise_disk_full)
    with pytest.raises(CommandError, match="The backup was not made: No space left on device"):
        call_command("backup", str(backup_target), stdout=StringIO())
    assert list_files(backup_target) == []


def test_two_backups_of_one_moment_do_not_mix(ada, backup_target):
    create_backup(backup_target, now=BACKUP_TIME)
    before = (backup_folder(backup_target) / MANIFEST_FILE).read_bytes()
    with pytest.raises(BackupError, match="There is a backup 20261120T120000Z already"):
        create_backup(backup_target, now=BACKUP_TIME)
    assert (backup_folder(backup_target) / MANIFEST_FILE).read_bytes() == before


def test_the_command_says_what_it_did(ada, backup_target):
    GenerationFactory(owner=ada)
    AssetFactory(owner=ada)
    output = StringIO()
    call_command("backup", str(backup_target), stdout=output)
    assert "1 generations, 1 files" in output.getvalue()
