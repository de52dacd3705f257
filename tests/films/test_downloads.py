"""Films as files: their names, and many of them as a ZIP."""

import io
import json
import uuid
import zipfile

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse

from evolink_studio.films import services, zip_files
from evolink_studio.films.exceptions import InvalidPattern, ZipsBusy
from evolink_studio.films.naming import DEFAULT_PATTERN, UniqueNames, build_name
from evolink_studio.films.zip_files import FileChanged, RemoteZip, ZipReader, build_zip
from evolink_studio.generations.models import Batch
from evolink_studio.projects.models import Project
from tests.factories import NOW, AssetFactory
from tests.films.films import add_file, make_film

pytestmark = pytest.mark.django_db

URL = "/films/actions/"


def read_response(response) -> bytes:
    return b"".join(response.streaming_content)


def open_zip(response) -> zipfile.ZipFile:
    content = read_response(response)
    assert len(content) == int(response["Content-Length"])
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    return archive


def test_a_zip_holds_the_films_and_what_made_each(ada, ada_client):
    project = Project.objects.create(owner=ada, name="Toothpaste", client="ACME", created_at=NOW)
    film = make_film(ada, content=b"first", title="Opening", project=project, ratio="16:9")
    add_file(film, content=b"second", position=1)
    film.inputs.add(AssetFactory(owner=ada, name="cat.png"))
    services.add_tags(owner=ada, film_ids=[film.pk], names="hero", now=NOW)

    archive = open_zip(ada_client.post(URL, {"action": "zip", "id": film.pk}))

    stem = "2026-11-20_Opening_veo3.1-pro_16x9"
    assert archive.namelist() == [f"{stem}.mp4", f"{stem}.json", f"{stem}-2.mp4", f"{stem}-2.json"]
    assert (archive.read(f"{stem}.mp4"), archive.read(f"{stem}-2.mp4")) == (b"first", b"second")
    sidecar = json.loads(archive.read(f"{stem}.json"))
    assert sidecar["prompt"] == film.prompt
    assert sidecar["parameters"] == film.params
    assert (sidecar["model"]["id"], sidecar["task"]) == (film.model_id, film.task_id)
    assert sidecar["project"] == {"name": "Toothpaste", "client": "ACME"}
    assert (sidecar["tags"], sidecar["inputs"][0]["name"]) == (["hero"], "cat.png")
    assert sidecar["credits"] == {"estimated": "162.0000", "charged": "25.7000"}


def test_all_films_of_a_batch_are_one_zip(ada, eve, ada_client):
    batch, foreign = (
        Batch.objects.create(owner=owner, kind="table", form_key=uuid.uuid4(), created_at=NOW)
        for owner in (ada, eve)
    )
    for title in ("Cat", "Dog"):
        make_film(ada, title=title, batch=batch, content=title.encode())
    make_film(ada, title="Other")
    make_film(eve, title="Hers", batch=foreign)
    data = {"action": "zip", "all": "1", "query": f"batch={batch.pk}"}
    archive = open_zip(ada_client.post(URL, data))
    films = [archive.read(name) for name in archive.namelist() if name.endswith(".mp4")]
    assert sorted(films) == [b"Cat", b"Dog"]
    answer = ada_client.post(URL, {**data, "query": f"batch={foreign.pk}"})
    assert "zip" not in answer.get("Content-Type", "")


def test_films_of_one_name_do_not_hide_each_other(ada, ada_client):
    films = [make_film(ada, title=title, content=title.encode()) for title in ("Shot", "SHOT")]
    archive = open_zip(ada_client.post(URL, {"action": "zip", "id": [f.pk for f in films]}))
    names = [name for name in archive.namelist() if name.endswith(".mp4")]
    assert names[1].casefold() == names[0].casefold().replace(".mp4", "-2.mp4")
    assert [archive.read(name) for name in names] == [b"Shot", b"SHOT"]


def test_a_stranger_gets_no_zip_of_others_films(ada, eve, ada_client):
    mine, other = make_film(ada, content=b"mine"), make_film(eve, content=b"other")
    archive = open_zip(ada_client.post(URL, {"action": "zip", "id": [mine.pk, other.pk]}))
    assert len(archive.namelist()) == 2
    assert ada_client.post(URL, {"action": "zip", "id": other.pk}).status_code == 404


def test_a_film_is_opened_when_its_turn_comes(ada, monkeypatch):
    films = [make_film(ada, content=b"x" * 300_000) for _ in range(2)]
    opened = []

    class CountingStorage:
        def open(self, name):
            opened.append(name)
            return default_storage.open(name)

    monkeypatch.setattr(zip_files, "default_storage", CountingStorage())
    reader = build_zip([film.results.get() for film in films], pattern=DEFAULT_PATTERN)
    assert opened == []
    assert len(b"".join(reader.read(100_000) for _ in range(3))) > 100_000
    assert len(opened) == 1
    reader.close()


def test_a_file_that_is_not_as_long_as_known_ends_the_transfer(ada):
    video = make_film(ada, content=b"short").results.get()
    video.asset.size_bytes = 6
    with pytest.raises(FileChanged):
        build_zip([video], pattern=DEFAULT_PATTERN).readall()


def test_only_so_many_zips_are_read_from_a_store_at_once(ada):
    video = make_film(ada).results.get()

    def start() -> RemoteZip:
        return RemoteZip(build_zip([video], pattern=DEFAULT_PATTERN))

    zips = [start() for _ in range(zip_files.MAX_REMOTE_ZIPS)]
    with pytest.raises(ZipsBusy):
        start()
    assert b"".join(zips[0])[:2] == b"PK"
    for sent in zips:
        sent.close()
        sent.close()
    start().close()


def test_a_single_download_has_the_name_that_the_person_set(ada, ada_client):
    film = make_film(ada, title='Opening: "take" 1/2', content=b"film")
    services.set_name_pattern(owner=ada, pattern="{title}_{number}.mp4")
    answer = ada_client.get(reverse("asset_download", args=[film.results.get().asset_id]))
    assert f'filename="Opening-take-1-2_{film.pk}.mp4"' in answer["Content-Disposition"]
    assert answer["Cache-Control"] == "private, no-cache"

    picture = AssetFactory(owner=ada, name="cat.png")
    answer = ada_client.get(reverse("asset_download", args=[picture.pk]))
    assert 'filename="cat.png"' in answer["Content-Disposition"]


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("{date}_{mood}.mp4", "There is no {mood}. Known are {date}"),
        ("{date", "A curly bracket is not closed"),
        ("film.mp4", "Write at least one of {date}"),
        ("{date!r}", "There is no {date"),
        ("{0}", "There is no {0}"),
        ("{date.__class__}", "There is no {date.__class__}"),
    ],
)
def test_a_pattern_that_makes_no_names_is_refused_at_its_field(ada, ada_client, pattern, sentence):
    with pytest.raises(InvalidPattern):
        services.set_name_pattern(owner=ada, pattern=pattern)
    page = ada_client.post(reverse("download_names"), {"pattern": pattern}).content.decode()
    assert sentence in page
    assert f'value="{pattern}"' in page


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"title": "../../etc/passwd"}, "2026-11-20_etc-passwd_veo3.1-pro_auto.mp4"),
        ({"title": "a\0b\nc"}, "2026-11-20_a-b-c_veo3.1-pro_auto.mp4"),
        ({"title": "", "prompt": ""}, "2026-11-20_veo3.1-pro_auto.mp4"),
        ({"params": [1, 2]}, "2026-11-20_A-cat-playing-piano_veo3.1-pro.mp4"),
        ({"title": "x" * 120}, f"2026-11-20_{'x' * 60}_veo3.1-pro_auto.mp4"),
    ],
)
def test_names_are_safe_for_every_disk(ada, fields, name):
    film = make_film(ada)
    for field, value in fields.items():
        setattr(film, field, value)
    video = film.results.get()
    video.generation = film
    assert build_name(DEFAULT_PATTERN, video) == name


def test_the_second_of_a_name_ends_in_its_number():
    names = UniqueNames.none()
    assert [names.take("a.mp4"), names.take("A.mp4"), names.take("a.mp4")] == [
        "a.mp4",
        "A-2.mp4",
        "a-3.mp4",
    ]


def test_a_reader_gives_the_blocks_that_are_asked_for(ada):
    video = make_film(ada, content=b"x" * 1000).results.get()
    reader: ZipReader = build_zip([video], pattern=DEFAULT_PATTERN)
    content = b""
    while block := reader.read(7):
        assert len(block) <= 7
        content += block
    assert len(content) == reader.size
    reader.close()
