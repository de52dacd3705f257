"""The index of pieces of texts: it follows every change, and the search does without it, too."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evolink_studio.core import text_index
from evolink_studio.generations.models import Generation
from evolink_studio.generations.search_index import FILM_INDEX
from evolink_studio.library.search_index import NAME_INDEX
from tests.factories import AssetFactory, GenerationFactory

pytestmark = pytest.mark.django_db
only_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="about FTS5")


def find(*pieces: str) -> set[int]:
    return set(
        Generation.objects.filter(FILM_INDEX.build_filter(pieces)).values_list("pk", flat=True)
    )


def test_both_indexes_are_kept_after_the_migrations():
    assert FILM_INDEX.is_kept()
    assert NAME_INDEX.is_kept()


def test_a_piece_is_found_inside_a_word_and_all_pieces_must_fit():
    tram = GenerationFactory(prompt="Eine Straßenbahn im Regen").pk
    boat = GenerationFactory(prompt='A "paper" boat at 100%, re-gen').pk
    assert find("bahn") == {tram}
    assert find("strassenbahn", "regen") == {tram}
    assert find('"paper"') == find("100%,") == {boat}
    assert find("paper", "regen") == find("nbahnen") == find("_aper") == set()
    assert find('" boat at 100%') == {boat}


def test_letters_that_stand_apart_are_no_piece():
    GenerationFactory(prompt="abc then bcd and cde")
    assert find("abcde") == set()


def test_a_short_piece_is_found_among_the_newest(monkeypatch):
    old, new = GenerationFactory(prompt="öl").pk, GenerationFactory(prompt="Öl und Wasser").pk
    assert find("ol") == {old, new}
    monkeypatch.setattr(text_index, "SHORT_PIECE_ROWS", 1)
    assert find("ol") == {new}
    assert find("ol", "wasser") == {new}


def test_the_index_follows_changes_and_deletions():
    generation = GenerationFactory(prompt="a lighthouse")
    other = GenerationFactory(prompt="a lighthouse, too")
    generation.prompt = "a harbour"
    generation.save()
    assert find("lighthouse") == {other.pk}
    assert find("harbour") == {generation.pk}
    generation.delete()
    assert find("harbour") == set()
    Generation.objects.bulk_create([GenerationFactory.build(owner=other.owner, prompt="a meadow")])
    assert len(find("meadow")) == 1


@only_sqlite
def test_the_search_reads_the_index():
    GenerationFactory(prompt="a lighthouse")
    with CaptureQueriesContext(connection) as queries:
        find("lighthouse")
    sql = queries.captured_queries[-1]["sql"]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql.replace('%', '%%')}")
        plan = " | ".join(row[3] for row in cursor.fetchall())
    assert "VIRTUAL TABLE INDEX" in plan
    assert "SCAN generations_generation" not in plan


@only_sqlite
def test_without_fts5_films_are_made_and_found_all_the_same(monkeypatch):
    monkeypatch.setattr(text_index, "_has_fts5", lambda: False)
    FILM_INDEX.keep()
    assert not FILM_INDEX.is_kept()
    pk = GenerationFactory(prompt="made on a machine without it").pk
    assert find("machine") == {pk}
    with pytest.raises(CommandError, match="generations_search"):
        call_command("rebuild_search")
    monkeypatch.undo()
    FILM_INDEX.keep()
    assert FILM_INDEX.is_kept()
    assert find("machine") == {pk}


@only_sqlite
def test_a_table_that_was_rebuilt_gets_its_index_back():
    pk = GenerationFactory(prompt="before").pk
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER generations_search_insert")
    unseen = GenerationFactory(prompt="before it was mended").pk
    assert find("before") == {pk, unseen}
    FILM_INDEX.keep()
    assert find("before") == {pk, unseen}
    assert FILM_INDEX.is_kept()


@pytest.mark.django_db(transaction=True)  # PostgreSQL makes no index while rows are written
def test_the_command_makes_the_indexes_afresh(capsys):
    generation, asset = GenerationFactory(prompt="a quiet lake"), AssetFactory(name="Übermut.png")
    FILM_INDEX.drop()
    NAME_INDEX.drop()
    call_command("rebuild_search")
    assert "has its indexes" in capsys.readouterr().out
    assert find("quiet") == {generation.pk}
    found = type(asset).objects.filter(NAME_INDEX.build_filter(["ubermut"]))
    assert [it.pk for it in found] == [asset.pk]
