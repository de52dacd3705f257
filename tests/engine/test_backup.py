"""Backups: what is in them, what is not, and what a person is told when something does not fit."""

import hashlib
import json
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from evolink_studio.engine.backup import BackupError, postgres, take
from evolink_studio.engine.backup.manifest import FILES, MANIFEST, read_files, read_manifest
from evolink_studio.engine.backup.store import Store
from evolink_studio.library.models import Asset
from tests.engine.apart import elsewhere
from tests.factories import AssetFactory, GenerationFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DATABASE = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}


@pytest.fixture
def ada():
    return UserFactory(username="ada")


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "safe"


def folder(target: Path, name: str = "20261120T120000Z") -> Path:
    return target / "backups" / name


def with_poster(owner) -> Asset:
    poster = default_storage.save("assets/test/a-poster.webp", ContentFile(b"small"))
    return AssetFactory(owner=owner, poster=poster)


def everything_in(target: Path) -> list[Path]:
    return [path for path in target.rglob("*") if path.is_file()]


def readable(path: Path) -> bytes:
    """What stands in a file; a dump of PostgreSQL is packed."""
    if path.suffix != ".dump":
        return path.read_bytes()
    return subprocess.run(["pg_restore", "--file=-", path], check=True, capture_output=True).stdout


def test_a_backup_says_what_is_in_it(ada, target):
    GenerationFactory.create_batch(3, owner=ada)
    AssetFactory(owner=ada)
    take(target, now=NOON)
    manifest = read_manifest(folder(target))
    assert manifest.taken == NOON
    assert manifest.engine == connection.vendor
    assert manifest.rows["generations_generation"] == 3
    assert manifest.rows["accounts_user"] == 1
    assert manifest.files_count == 1
    assert manifest.missing == ()
    assert manifest.database.bytes == (folder(target) / manifest.database.name).stat().st_size


def test_every_file_lies_under_its_hash(ada, target):
    asset = with_poster(ada)
    take(target, now=NOON)
    media = {path.name for path in (target / "media").iterdir()}
    assert media == {asset.sha256, hashlib.sha256(b"small").hexdigest()}
    assert {c.name for c in read_files(folder(target) / FILES)} == {asset.file, asset.poster}


def test_the_same_film_of_two_people_is_copied_once(target):
    for _ in range(2):
        AssetFactory(owner=UserFactory(), content=b"a film")
    taken = take(target, now=NOON)
    assert (taken.manifest.files_count, taken.copied) == (2, 1)


def test_the_next_backup_copies_only_what_is_new_and_keeps_the_first(ada, target):
    with_poster(ada)
    take(target, now=NOON)
    AssetFactory(owner=ada)
    taken = take(target, now=NOON + timedelta(hours=1))
    assert (taken.manifest.files_count, taken.copied) == (3, 1)
    assert Store(target).finished() == ["20261120T120000Z", "20261120T130000Z"]
    assert read_manifest(folder(target)).files_count == 2


def test_a_file_cut_short_in_the_backup_is_copied_again(ada, target):
    asset = AssetFactory(owner=ada)
    take(target, now=NOON)
    copy = target / "media" / asset.sha256
    copy.write_bytes(copy.read_bytes()[:-1])
    take(target, now=NOON + timedelta(hours=1))
    assert copy.stat().st_size == asset.bytes


def test_files_may_be_left_out(ada, target):
    AssetFactory(owner=ada)
    taken = take(target, now=NOON, with_media=False)
    assert taken.manifest.files is None
    assert list((target / "media").iterdir()) == []


def test_files_come_from_any_storage(ada, target, settings):
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    }
    asset = AssetFactory(owner=ada)
    assert not Path(default_storage.path(str(asset.file))).exists()
    take(target, now=NOON)
    assert (target / "media" / asset.sha256).stat().st_size == asset.bytes


def test_neither_keys_nor_sessions_are_in_a_backup(ada, target, client, settings):
    settings.EVOLINK_API_KEY = "sk-evo-hidden-in-a-test"
    client.force_login(ada)
    cache.set("throttle", "of somebody")
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    take(target, now=NOON)
    stored = b"".join(map(readable, everything_in(target)))
    for secret in (session, settings.SECRET_KEY, settings.EVOLINK_API_KEY):
        assert secret.encode() not in stored
    assert "django_session" not in read_manifest(folder(target)).rows


def test_nobody_else_on_the_machine_may_look_into_a_backup(ada, target):
    take(target, now=NOON)
    for path in (target, target / "media", target / "backups", folder(target)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_film_that_is_gone_is_named_and_all_else_is_kept(ada, target):
    lost, kept = AssetFactory(owner=ada), AssetFactory(owner=ada)
    default_storage.delete(str(lost.file))
    with pytest.raises(CommandError, match=f"1 files .* the first is {lost.file}"):
        call_command("backup", str(target), stdout=StringIO())
    (name,) = Store(target).finished()
    assert read_manifest(folder(target, name)).missing == (lost.file,)
    assert (target / "media" / kept.sha256).exists()


def test_a_film_whose_bytes_have_changed_is_named(ada, target):
    asset = AssetFactory(owner=ada)
    Path(default_storage.path(str(asset.file))).write_bytes(b"rotten")
    assert take(target, now=NOON).manifest.missing == (asset.file,)


def test_a_file_whose_row_went_meanwhile_is_no_trouble(ada, target, monkeypatch):
    asset = AssetFactory(owner=ada)

    def deleted_just_before(storage, name):
        Asset.objects.all().delete()
        raise FileNotFoundError(name)

    monkeypatch.setattr(FileSystemStorage, "open", deleted_just_before)
    manifest = take(target, now=NOON).manifest
    assert manifest.rows["library_asset"] == 1
    assert manifest.missing == ()
    assert not (target / "media" / asset.sha256).exists()


def test_a_backup_that_breaks_off_leaves_nothing_that_looks_finished(ada, target, monkeypatch):
    AssetFactory(owner=ada)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "add", full)
    with pytest.raises(CommandError, match="The backup was not made: No space left on device"):
        call_command("backup", str(target), stdout=StringIO())
    assert everything_in(target) == []


def test_two_backups_of_one_moment_do_not_mix(ada, target):
    take(target, now=NOON)
    before = (folder(target) / MANIFEST).read_bytes()
    with pytest.raises(BackupError, match="There is a backup 20261120T120000Z already"):
        take(target, now=NOON)
    assert (folder(target) / MANIFEST).read_bytes() == before


def test_the_command_says_what_it_did(ada, target):
    GenerationFactory(owner=ada)
    AssetFactory(owner=ada)
    said = StringIO()
    call_command("backup", str(target), stdout=said)
    assert "1 generations, 1 files" in said.getvalue()


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
