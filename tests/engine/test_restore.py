"""Restoring: only what is whole and only into an empty place, or one is told why not."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from evolink_studio.operations.backup import BackupError, postgres, take
from evolink_studio.operations.backup.repository import FILES, MANIFEST
from tests.engine.apart import elsewhere
from tests.engine.safe import DATABASE, NOON, everything_in, folder, with_poster
from tests.factories import AssetFactory, GenerationFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada():
    return UserFactory(username="ada")


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "safe"


def test_a_full_place_is_refused(ada, target):
    GenerationFactory(owner=ada)
    take(target, now=NOON)
    with pytest.raises(CommandError, match="There is a studio here already"):
        call_command("restore", str(target))


def test_a_library_with_files_is_refused(ada, target, tmp_path):
    take(target, now=NOON)
    place = elsewhere(tmp_path / "new")
    film = place.folder / "media" / "assets" / "film.mp4"
    film.parent.mkdir(parents=True)
    film.write_bytes(b"a film of somebody")
    done = place.manage("restore", target)
    assert done.returncode == 1
    assert "its library has files" in done.stderr
    assert film.read_bytes() == b"a film of somebody"


def damage_database(target, asset):
    path = folder(target) / DATABASE[connection.vendor]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return "is damaged: its hash is not the noted one"


def damage_film(target, asset):
    path = target / "media" / asset.sha256
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return f"1 files of this backup are damaged or missing, the first is {asset.file}"


def lose_film(target, asset):
    (target / "media" / asset.sha256).unlink()
    return f"1 files of this backup are damaged or missing, the first is {asset.file}"


def forge_list(target, asset):
    path = folder(target) / FILES
    path.write_text(path.read_text().replace("assets/", "../../"))
    return "is damaged: its hash is not the noted one"


def break_manifest(target, asset):
    (folder(target) / MANIFEST).write_text('{"format": 1')
    return "cannot be read as a manifest"


def come_from_the_future(target, asset):
    path = folder(target) / MANIFEST
    told = json.loads(path.read_text())
    told["migrations"]["library"] = "0099_holograms"
    path.write_text(json.dumps(told))
    return "comes from a newer studio (library.0099_holograms is not known here)"


def come_from_another_database(target, asset):
    path = folder(target) / MANIFEST
    told = json.loads(path.read_text())
    told["engine"] = "postgresql" if told["engine"] == "sqlite" else "sqlite"
    path.write_text(json.dumps(told))
    return f"the settings name a {connection.vendor} one"


def be_unfinished(target, asset):
    (folder(target) / MANIFEST).unlink()
    return "There is no finished backup in"


@pytest.mark.parametrize(
    "harm",
    [
        damage_database,
        damage_film,
        lose_film,
        forge_list,
        break_manifest,
        come_from_the_future,
        come_from_another_database,
        be_unfinished,
    ],
)
def test_what_does_not_fit_is_told(ada, target, harm):
    asset = AssetFactory(owner=ada)
    take(target, now=NOON)
    told = harm(target, asset)
    with pytest.raises(CommandError) as error:
        call_command("restore", str(target), check=True)
    assert told in str(error.value)


def test_a_whole_backup_is_called_whole(ada, target):
    with_poster(ada)
    take(target, now=NOON)
    said = StringIO()
    call_command("restore", str(target), check=True, stdout=said)
    assert said.getvalue() == "The backup of 2026-11-20 12:00 UTC is whole: 2 files.\n"


def test_a_damaged_backup_brings_nothing_at_all(ada, target, tmp_path):
    asset = AssetFactory(owner=ada)
    take(target, now=NOON)
    damage_film(target, asset)
    place = elsewhere(tmp_path / "new")
    done = place.manage("restore", target)
    assert done.returncode == 1
    assert "Nothing was restored" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in everything_in(place.folder)] in ([], ["secret_key"])


def test_one_rotten_film_does_not_keep_the_others_away(ada, target, tmp_path):
    rotten, whole = AssetFactory(owner=ada), AssetFactory(owner=ada)
    take(target, now=NOON)
    damage_film(target, rotten)
    place = elsewhere(tmp_path / "new")
    done = place.manage("restore", target, "--despite-damage")
    assert done.returncode == 0, done.stderr
    assert str(rotten.file) in done.stdout
    media = place.folder / "media"
    assert (media / str(whole.file)).stat().st_size == whole.bytes
    assert not (media / str(rotten.file)).exists()


def test_an_earlier_moment_can_be_named(ada, target, tmp_path):
    take(target, now=NOON)
    GenerationFactory(owner=ada)
    take(target, now=NOON + timedelta(hours=1))
    place = elsewhere(tmp_path / "new")
    assert place.manage("restore", target, "--at", "20261120T120000Z").returncode == 0
    assert place.ask("SELECT count(*) FROM generations_generation") == [(0,)]


def test_a_moment_that_is_not_there_is_answered_with_those_that_are(ada, target):
    take(target, now=NOON)
    with pytest.raises(CommandError, match=r"no backup \.\./x\. There are: 20261120T120000Z"):
        call_command("restore", str(target), at="../x")


def test_where_the_tools_of_postgresql_are_missing_it_is_said_what_to_install(target, monkeypatch):
    monkeypatch.setenv("PATH", str(target))
    with pytest.raises(BackupError, match=r"pg_restore is not .*postgresql-client"):
        postgres.restore(target / "database.dump", ())
