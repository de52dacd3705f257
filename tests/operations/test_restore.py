"""Restoring: only what is whole and only into an empty place, or it says why not."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from evolink_studio.operations.backup import BackupError, create_backup, postgres
from evolink_studio.operations.backup.repository import FILE_LIST, MANIFEST_FILE
from tests.factories import AssetFactory, GenerationFactory
from tests.operations.backup_files import (
    BACKUP_TIME,
    DATABASE_FILENAMES,
    backup_folder,
    create_asset_with_poster,
    list_files,
)
from tests.worker_processes import create_empty_instance

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_full_place_is_refused(ada, backup_target):
    GenerationFactory(owner=ada)
    create_backup(backup_target, now=BACKUP_TIME)
    with pytest.raises(CommandError, match="There is a studio here already"):
        call_command("restore", str(backup_target))


def test_a_library_with_files_is_refused(ada, backup_target, tmp_path):
    create_backup(backup_target, now=BACKUP_TIME)
    new_instance = create_empty_instance(tmp_path / "new")
    film = new_instance.folder / "media" / "assets" / "film.mp4"
    film.parent.mkdir(parents=True)
    film.write_bytes(b"a film of somebody")
    result = new_instance.run_command("restore", backup_target)
    assert result.returncode == 1
    assert "its library has files" in result.stderr
    assert film.read_bytes() == b"a film of somebody"


def damage_database(target, asset):
    path = backup_folder(target) / DATABASE_FILENAMES[connection.vendor]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return "is damaged: its hash is not the noted one"


def damage_media_file(target, asset):
    path = target / "media" / asset.sha256
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return f"1 files of this backup are damaged or missing, the first is {asset.file}"


def lose_media_file(target, asset):
    (target / "media" / asset.sha256).unlink()
    return f"1 files of this backup are damaged or missing, the first is {asset.file}"


def forge_file_list(target, asset):
    path = backup_folder(target) / FILE_LIST
    path.write_text(path.read_text().replace("assets/", "../../"))
    return "is damaged: its hash is not the noted one"


def break_manifest(target, asset):
    (backup_folder(target) / MANIFEST_FILE).write_text('{"format": 1')
    return "cannot be read as a manifest"


def name_newer_migration(target, asset):
    path = backup_folder(target) / MANIFEST_FILE
    manifest = json.loads(path.read_text())
    manifest["migrations"]["library"] = "0099_holograms"
    path.write_text(json.dumps(manifest))
    return "comes from a newer studio (library.0099_holograms is not known here)"


def name_other_database(target, asset):
    path = backup_folder(target) / MANIFEST_FILE
    manifest = json.loads(path.read_text())
    manifest["engine"] = "postgresql" if manifest["engine"] == "sqlite" else "sqlite"
    path.write_text(json.dumps(manifest))
    return f"the settings name a {connection.vendor} one"


def remove_manifest(target, asset):
    (backup_folder(target) / MANIFEST_FILE).unlink()
    return "There is no finished backup in"


@pytest.mark.parametrize(
    "harm",
    [
        damage_database,
        damage_media_file,
        lose_media_file,
        forge_file_list,
        break_manifest,
        name_newer_migration,
        name_other_database,
        remove_manifest,
    ],
)
def test_what_does_not_fit_is_told(ada, backup_target, harm):
    asset = AssetFactory(owner=ada)
    create_backup(backup_target, now=BACKUP_TIME)
    message = harm(backup_target, asset)
    with pytest.raises(CommandError) as error:
        call_command("restore", str(backup_target), check=True)
    assert message in str(error.value)


def test_a_whole_backup_is_called_whole(ada, backup_target):
    create_asset_with_poster(ada)
    create_backup(backup_target, now=BACKUP_TIME)
    output = StringIO()
    call_command("restore", str(backup_target), check=True, stdout=output)
    assert output.getvalue() == "The backup of 2026-11-20 12:00 UTC is whole: 2 files.\n"


def test_a_damaged_backup_brings_nothing_at_all(ada, backup_target, tmp_path):
    asset = AssetFactory(owner=ada)
    create_backup(backup_target, now=BACKUP_TIME)
    damage_media_file(backup_target, asset)
    new_instance = create_empty_instance(tmp_path / "new")
    result = new_instance.run_command("restore", backup_target)
    assert result.returncode == 1
    assert "Nothing was restored" in result.stderr
    assert "Traceback" not in result.stderr
    assert [path.name for path in list_files(new_instance.folder)] in ([], ["secret_key"])


def test_one_rotten_film_does_not_keep_the_others_away(ada, backup_target, tmp_path):
    damaged_asset, whole_asset = AssetFactory(owner=ada), AssetFactory(owner=ada)
    create_backup(backup_target, now=BACKUP_TIME)
    damage_media_file(backup_target, damaged_asset)
    new_instance = create_empty_instance(tmp_path / "new")
    result = new_instance.run_command("restore", backup_target, "--despite-damage")
    assert result.returncode == 0, result.stderr
    assert str(damaged_asset.file) in result.stdout
    media = new_instance.folder / "media"
    assert (media / str(whole_asset.file)).stat().st_size == whole_asset.size_bytes
    assert not (media / str(damaged_asset.file)).exists()


def test_an_earlier_moment_can_be_named(ada, backup_target, tmp_path):
    create_backup(backup_target, now=BACKUP_TIME)
    GenerationFactory(owner=ada)
    create_backup(backup_target, now=BACKUP_TIME + timedelta(hours=1))
    new_instance = create_empty_instance(tmp_path / "new")
    assert (
        new_instance.run_command("restore", backup_target, "--at", "20261120T120000Z").returncode
        == 0
    )
    assert new_instance.query("SELECT count(*) FROM generations_generation") == [(0,)]


def test_a_moment_that_is_not_there_is_answered_with_those_that_are(ada, backup_target):
    create_backup(backup_target, now=BACKUP_TIME)
    with pytest.raises(CommandError, match=r"no backup \.\./x\. There are: 20261120T120000Z"):
        call_command("restore", str(backup_target), at="../x")


def test_where_the_tools_of_postgresql_are_missing_it_is_said_what_to_install(
    backup_target, monkeypatch
):
    monkeypatch.setenv("PATH", str(backup_target))
    with pytest.raises(BackupError, match=r"pg_restore is not .*postgresql-client"):
        postgres.restore_database(backup_target / "database.dump", ())
