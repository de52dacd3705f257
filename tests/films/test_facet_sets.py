"""The database keeps in which facet set each film is, whoever writes the film."""

import random

import pytest
from django.db.models import Count

from evolink_studio.films import facet_sets
from evolink_studio.films.models import FacetSet, ListedFilm
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from evolink_studio.projects.models import Project
from tests.factories import NOW, VEO, GenerationFactory

pytestmark = pytest.mark.django_db

KEY = ("owner_id", "tab", "model_id", "ratio", "length", "sound", "is_starred", "project_key")


def read_sets() -> dict[tuple, int]:
    rows = FacetSet.objects.filter(film_count__gt=0).values_list(*KEY, "film_count")
    return {tuple(key): count for *key, count in rows}


def read_listed() -> set[tuple]:
    names = ("generation_id", "created_at", *(f"facet_set__{name}" for name in KEY))
    return set(ListedFilm.objects.values_list(*names))


def assert_as_counted_afresh() -> None:
    kept = read_sets(), read_listed()
    numbers = FacetSet.objects.annotate(n=Count("films")).values_list("film_count", "n")
    assert all(count == n for count, n in numbers)
    facet_sets.rebuild()
    assert kept == (read_sets(), read_listed())


def test_a_film_is_listed_once_it_has_ended_and_leaves_with_the_trash(ada):
    film = GenerationFactory(owner=ada, state=State.RUNNING)
    assert read_sets() == {}
    Generation.objects.filter(pk=film.pk).update(
        state=State.COMPLETED, ratio="16:9", seconds=8, has_sound=True
    )
    key = (ada.pk, "kept", VEO, "16:9", "6-10", "with", False, 0)
    assert read_sets() == {key: 1}
    Generation.objects.filter(pk=film.pk).update(starred_at=NOW)
    assert read_sets() == {(*key[:6], True, 0): 1}
    Generation.objects.filter(pk=film.pk).update(trashed_at=NOW)
    assert read_sets() == {}
    assert read_listed() == set()


def test_a_film_that_is_deleted_is_no_longer_counted(ada):
    films = GenerationFactory.create_batch(2, owner=ada, state=State.COMPLETED)
    films[0].delete()
    assert sum(read_sets().values()) == 1
    assert_as_counted_afresh()


def test_any_mixture_of_writes_leaves_what_counting_afresh_would_find(ada, eve):
    dice = random.Random(7)
    projects = [
        Project.objects.create(owner=ada, name=str(number), created_at=NOW) for number in range(2)
    ]
    GenerationFactory.create_batch(12, owner=ada, state=State.COMPLETED)
    GenerationFactory.create_batch(4, owner=eve, state=State.FAILED)
    pks = list(Generation.objects.order_by("pk").values_list("pk", flat=True))
    values = {
        "state": list(State),
        "model_id": [VEO, "other"],
        "ratio": ["", "16:9", "9:16"],
        "seconds": [None, 0, 5, 6, 10, 11, 20, 21, 600],
        "has_sound": [None, True, False],
        "starred_at": [None, NOW],
        "trashed_at": [None, None, NOW],
        "project_id": [None, *(project.pk for project in projects)],
    }
    for _ in range(80):
        name = dice.choice(list(values))
        rows = Generation.objects.filter(pk__in=dice.sample(pks, dice.randrange(1, 5)))
        rows.update(**{name: dice.choice(values[name])})
    assert_as_counted_afresh()


def test_what_was_lost_is_made_again(ada):
    GenerationFactory(owner=ada, state=State.COMPLETED)
    facet_sets.TRIGGERS.drop()
    GenerationFactory(owner=ada, state=State.COMPLETED)
    assert sum(read_sets().values()) == 1
    assert facet_sets.ensure_facet_sets()
    assert sum(read_sets().values()) == 2
    assert not facet_sets.ensure_facet_sets()
