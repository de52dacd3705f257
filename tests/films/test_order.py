"""Stars, titles, notes, tags, collections and projects of films, and taking it all back."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evolink_studio.films import services, trash, undo
from evolink_studio.films.exceptions import (
    InvalidName,
    NameTaken,
    ProjectNotUsable,
    TooManyFilms,
    TooManyTags,
)
from evolink_studio.films.models import Collection, FilmChange, Tag
from evolink_studio.generations.models import ChangeFeed, Generation
from evolink_studio.projects.models import Project
from tests.factories import NOW, GenerationFactory
from tests.films.films import make_film, reload

pytestmark = pytest.mark.django_db


def make_project(owner, name="Toothpaste", **fields):
    return Project.objects.create(owner=owner, name=name, created_at=NOW, **fields)


def feed_version(owner) -> int:
    return ChangeFeed.objects.get(pk=owner.pk).version


def test_a_star_is_set_for_those_without_and_taken_back_for_those_alone(ada):
    starred, plain = make_film(ada, starred_at=NOW), make_film(ada)

    result = services.star(owner=ada, film_ids=[starred.pk, plain.pk], now=NOW)

    assert result.count == 1
    assert undo.undo_change(change=result.change, now=NOW) == 1
    assert (reload(starred).starred_at, reload(plain).starred_at) == (NOW, None)


def test_a_change_is_taken_back_once(ada):
    change = services.star(owner=ada, film_ids=[make_film(ada).pk], now=NOW).change
    assert undo.undo_change(change=change, now=NOW) == 1
    assert undo.undo_change(change=change, now=NOW) == 0


def test_films_of_others_stay_as_they_are(ada, eve):
    film = make_film(eve)
    before = Generation.objects.filter(pk=film.pk).values().get()
    collection = services.create_collection(owner=ada, name="Mine", now=NOW)
    ids = [film.pk]
    results = [
        services.star(owner=ada, film_ids=ids, now=NOW),
        services.add_tags(owner=ada, film_ids=ids, names="mine", now=NOW),
        services.add_to_collection(owner=ada, film_ids=ids, collection=collection, now=NOW),
        services.move_to_project(owner=ada, film_ids=ids, project=make_project(ada), now=NOW),
        trash.move_to_trash(owner=ada, film_ids=ids, now=NOW),
    ]
    assert [result.count for result in results] == [0] * 5
    assert not services.set_title(owner=ada, film_id=film.pk, title="mine")
    assert Generation.objects.filter(pk=film.pk).values().get() == before
    assert not film.tags.exists()


def test_open_pages_hear_of_it_once_for_each_five_hundred(ada):
    films = [make_film(ada) for _ in range(3)]
    services.star(owner=ada, film_ids=[films[0].pk], now=NOW)
    before = feed_version(ada)
    services.star(owner=ada, film_ids=[film.pk for film in films], now=NOW)
    assert feed_version(ada) == before + 1
    assert reload(films[1]).changed_version == reload(films[2]).changed_version == before + 1


def test_the_search_finds_title_notes_and_tags(ada):
    film = make_film(ada)
    services.set_title(owner=ada, film_id=film.pk, title="  Opening\n shot ")
    services.set_notes(owner=ada, film_id=film.pk, notes="Client LIKED it")
    services.add_tags(owner=ada, film_ids=[film.pk], names="Hero", now=NOW)

    film = reload(film)
    assert (film.title, film.notes) == ("Opening shot", "Client LIKED it")
    assert all(piece in film.label_text for piece in ("opening shot", "client liked it", "hero"))

    services.remove_tags(owner=ada, film_ids=[film.pk], names="HERO", now=NOW)
    assert "hero" not in reload(film).label_text


def test_a_tag_is_one_word_however_it_is_written_and_keeps_its_first_spelling(ada, eve):
    one, two = make_film(ada), make_film(ada)
    services.add_tags(owner=ada, film_ids=[one.pk], names=" Hero  shot", now=NOW)
    result = services.add_tags(owner=ada, film_ids=[one.pk, two.pk], names="hero SHOT", now=NOW)
    services.add_tags(owner=eve, film_ids=[make_film(eve).pk], names="hero shot", now=NOW)

    assert result.count == 1
    assert [tag.name for tag in Tag.objects.filter(owner=ada)] == ["Hero shot"]


@pytest.mark.parametrize("name", ["", "   ", " , ,", "x" * 41, "good, " + "x" * 41])
def test_a_tag_that_cannot_be_one_is_refused(ada, name):
    film = make_film(ada)
    with pytest.raises(InvalidName):
        services.add_tags(owner=ada, film_ids=[film.pk], names=name, now=NOW)
    assert not Tag.objects.exists()


def test_commas_part_tags_that_come_and_go_together(ada):
    one, two = make_film(ada), make_film(ada)
    services.add_tags(owner=ada, film_ids=[one.pk], names="hoch", now=NOW)
    ids = [one.pk, two.pk]
    result = services.add_tags(owner=ada, film_ids=ids, names="Kunde, Hoch,, kunde ", now=NOW)
    assert result.count == 2
    for film in (one, two):
        assert {tag.name for tag in film.tags.all()} == {"Kunde", "hoch"}
    assert "kunde" in reload(two).label_text
    assert undo.undo_change(change=result.change, now=NOW) == 2
    assert {tag.name for tag in one.tags.all()} == {"hoch"}
    assert not two.tags.exists()

    services.add_tags(owner=ada, film_ids=[two.pk], names="Kunde", now=NOW)
    change = services.remove_tags(owner=ada, film_ids=ids, names="kunde, HOCH", now=NOW).change
    assert not Tag.objects.exists()
    assert undo.undo_change(change=change, now=NOW) == 2
    assert [[tag.name for tag in film.tags.all()] for film in (one, two)] == [["hoch"], ["Kunde"]]


def test_what_was_tagged_before_there_were_several_is_taken_back(ada):
    film = make_film(ada)
    change = services.add_tags(owner=ada, film_ids=[film.pk], names="Hero", now=NOW).change
    change.values = {"films": [film.pk], "name": "Hero"}
    change.save()
    assert undo.undo_change(change=change, now=NOW) == 1
    assert not film.tags.exists()


def test_a_tag_without_films_is_gone_and_comes_back_with_the_undo(ada):
    film = make_film(ada)
    services.add_tags(owner=ada, film_ids=[film.pk], names="Hero", now=NOW)
    change = services.remove_tags(owner=ada, film_ids=[film.pk], names="hero", now=NOW).change
    assert not Tag.objects.exists()
    undo.undo_change(change=change, now=NOW)
    assert [tag.name for tag in film.tags.all()] == ["Hero"]


def test_a_film_takes_only_so_many_tags(ada, monkeypatch):
    monkeypatch.setattr(services, "MAX_TAGS_PER_FILM", 1)
    full, other = make_film(ada), make_film(ada)
    services.add_tags(owner=ada, film_ids=[full.pk], names="one", now=NOW)
    with pytest.raises(TooManyTags):
        services.add_tags(owner=ada, film_ids=[full.pk, other.pk], names="two", now=NOW)
    with pytest.raises(TooManyTags):
        services.add_tags(owner=ada, film_ids=[other.pk], names="two, three", now=NOW)
    assert not other.tags.exists()
    assert [tag.name for tag in Tag.objects.all()] == ["one"]


def test_a_collection_keeps_films_and_its_deletion_keeps_them_too(ada):
    film = make_film(ada)
    collection = services.get_or_create_collection(owner=ada, name="Reel", now=NOW)
    assert services.get_or_create_collection(owner=ada, name="REEL", now=NOW) == collection
    with pytest.raises(NameTaken):
        services.create_collection(owner=ada, name="reel", now=NOW)

    services.add_to_collection(owner=ada, film_ids=[film.pk], collection=collection, now=NOW)
    services.rename_collection(collection=collection, name="Show reel")
    assert [row.name for row in film.collections.all()] == ["Show reel"]

    services.delete_collection(collection=collection)
    assert reload(film).pk == film.pk


def test_an_undo_of_what_went_into_a_deleted_collection_does_nothing(ada):
    collection = services.create_collection(owner=ada, name="Reel", now=NOW)
    result = services.add_to_collection(
        owner=ada, film_ids=[make_film(ada).pk], collection=collection, now=NOW
    )
    services.delete_collection(collection=collection)
    assert undo.undo_change(change=result.change, now=NOW) == 0


def test_films_move_to_a_project_and_back_to_where_each_was(ada):
    first, second = make_project(ada, "First"), make_project(ada, "Second")
    films = [make_film(ada), make_film(ada, project=first), make_film(ada, project=second)]

    result = services.move_to_project(
        owner=ada, film_ids=[film.pk for film in films], project=second, now=NOW
    )
    assert result.count == 2
    assert all(reload(film).project == second for film in films)

    undo.undo_change(change=result.change, now=NOW)
    assert [reload(film).project for film in films] == [None, first, second]


def test_only_projects_that_a_person_may_choose_take_their_films(ada, eve):
    film = make_film(ada)
    closed = [make_project(eve, "Private"), make_project(ada, "Old", archived_at=NOW)]
    for project in closed:
        with pytest.raises(ProjectNotUsable):
            services.move_to_project(owner=ada, film_ids=[film.pk], project=project, now=NOW)
    shared = make_project(eve, "Shared", is_shared=True)
    services.move_to_project(owner=ada, film_ids=[film.pk], project=shared, now=NOW)
    assert reload(film).project == shared


def test_what_is_still_being_made_does_not_go_into_the_trash(ada):
    running = GenerationFactory(owner=ada, state="running")
    failed = GenerationFactory(owner=ada, state="failed")
    result = trash.move_to_trash(owner=ada, film_ids=[running.pk, failed.pk], now=NOW)
    assert (result.count, result.unfinished_count) == (1, 1)
    assert (reload(running).trashed_at, reload(failed).trashed_at) == (None, NOW)
    undo.undo_change(change=result.change, now=NOW)
    assert reload(failed).trashed_at is None


def test_more_films_than_are_changed_at_once_are_refused(ada, monkeypatch):
    monkeypatch.setattr(services, "MAX_FILMS_PER_CHANGE", 1)
    films = [make_film(ada), make_film(ada)]
    with pytest.raises(TooManyFilms):
        services.star(owner=ada, film_ids=[film.pk for film in films], now=NOW)
    assert not Generation.objects.filter(starred_at__isnull=False).exists()


def test_thousands_of_films_take_few_queries(ada):
    Generation.objects.bulk_create(
        GenerationFactory.build(owner=ada, state="completed", task_id=f"many-{number}")
        for number in range(600)
    )
    ids = list(Generation.objects.values_list("pk", flat=True))
    with CaptureQueriesContext(connection) as queries:
        result = services.add_tags(owner=ada, film_ids=ids, names="many", now=NOW)
    assert result.count == 600
    assert len(queries) < 60


def test_only_the_newest_changes_can_be_taken_back(ada, monkeypatch):
    monkeypatch.setattr(services, "MAX_CHANGES_PER_PERSON", 2)
    film = make_film(ada)
    for _ in range(2):
        services.star(owner=ada, film_ids=[film.pk], now=NOW)
        services.unstar(owner=ada, film_ids=[film.pk], now=NOW)
    assert FilmChange.objects.count() == 2


def test_a_kept_change_that_says_nonsense_changes_nothing(ada):
    for kind in FilmChange.Kind:
        for values in (
            "x",
            [],
            {"by_project": {"x": [1], "": "y"}},
            {"films": "all", "by_project": 3, "collection": "x"},
        ):
            change = FilmChange.objects.create(owner=ada, kind=kind, values=values, created_at=NOW)
            assert undo.undo_change(change=change, now=NOW) == 0
    assert not Collection.objects.exists()
