"""Every film of a list has one place in it, also where a whole batch was pressed at one moment."""

import random
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest

from evolink_studio.films import film_list
from evolink_studio.films.film_list import Cursor, FilmList
from evolink_studio.films.filters import EVERYBODY, FilmFilters, filter_films
from evolink_studio.films.models import Collection, Tag
from evolink_studio.films.queries import find_neighbours, load_page_through
from evolink_studio.generations.models import Batch, Generation
from evolink_studio.generations.states import State
from tests.factories import NOW, GenerationFactory, UserFactory

pytestmark = pytest.mark.django_db

MOMENTS = tuple(NOW - timedelta(minutes=age) for age in (3, 2, 1))
FILMS_PER_MOMENT = 20
PAGE_SIZES = (1, 2, 7, 24)
FILTERS = {
    "none": {},
    "ratios": {"ratios": ("16:9", "9:16")},
    "starred": {"is_starred": True},
    "tag": {"tag": "Kunde"},
    "collection": {"collection": "Reel"},
    "batch": {"batch": "Pets"},
    "text": {"text": "bear"},
    "days": {"since": (NOW - timedelta(days=2)).date()},
    "everybody": {"person": EVERYBODY},
    "making": {"tab": "making"},
}


@pytest.fixture
def user():
    """Somebody who may see everybody's films."""
    return UserFactory(owner=True)


@pytest.fixture
def _films(user, eve) -> None:
    """Films of few moments in many facet sets."""
    dice = random.Random(11)
    tag = Tag.objects.create(owner=user, name="Kunde")
    reel = Collection.objects.create(owner=user, name="Reel", created_at=NOW)
    pets = Batch.objects.create(
        owner=user, kind="table", title="Pets", form_key=uuid.uuid4(), created_at=NOW
    )
    for moment in MOMENTS:
        for _ in range(FILMS_PER_MOMENT):
            film = GenerationFactory(
                owner=dice.choice([user, user, user, eve]),
                state=dice.choice([State.COMPLETED] * 6 + [State.RUNNING]),
                created_at=moment,
                prompt=dice.choice(["A fox", "A bear and a fox"]),
                ratio=dice.choice(["", "16:9", "9:16", "1:1"]),
                seconds=dice.choice([None, 5, 8, 15]),
                has_sound=dice.choice([None, True, False]),
                starred_at=dice.choice([None, None, NOW]),
                batch=dice.choice([None, pets]),
            )
            if film.ratio == "9:16":
                tag.generations.add(film)
            if dice.random() < 0.5:
                reel.generations.add(film)


@pytest.fixture(params=FILTERS)
def filters(request, _films) -> FilmFilters:
    options = dict(FILTERS[request.param])
    if name := options.pop("tag", ""):
        options["tag_ids"] = (Tag.objects.get(name=name).pk,)
    if name := options.pop("collection", ""):
        options["collection_id"] = Collection.objects.get(name=name).pk
    if title := options.pop("batch", ""):
        options["batch_id"] = Batch.objects.get(title=title).pk
    return FilmFilters(**options)


@pytest.fixture(autouse=True, params=[1000, 0], ids=["few", "more than are counted"])
def _density(request, monkeypatch) -> None:
    """Narrowed lists are read in two ways, by how many films they have."""
    monkeypatch.setattr(film_list, "MAX_CANDIDATES", request.param)


def list_plainly(user, filters: FilmFilters) -> list[Cursor]:
    """The films of the list, newest first, as one query of all of them orders them."""
    rows = filter_films(user, filters).order_by("-created_at", "-id")
    return list(rows.values_list("created_at", "pk"))


def read_pages(films: FilmList, places: list[Cursor], size: int) -> Iterator[list[int]]:
    """The numbers of one page after the other, newest first."""
    moments = {pk: moment for moment, pk in places}
    cursor = None
    for _ in range(len(places) + 1):
        if not (page := films.read_ids(cursor, size)):
            return
        yield page
        cursor = (moments[page[-1]], page[-1])


def test_newer_and_older_lead_through_every_film_of_the_list(user, filters):
    pks = [None, *(pk for _moment, pk in list_plainly(user, filters)), None]
    assert len(pks) > 4
    for newer, pk, older in zip(pks, pks[1:], pks[2:], strict=False):
        film = Generation.objects.get(pk=pk)
        assert find_neighbours(user, filters, film) == (newer, older)


@pytest.mark.parametrize("size", PAGE_SIZES)
def test_the_pages_of_a_list_skip_and_repeat_no_film(user, filters, size):
    places = list_plainly(user, filters)
    pks = [pk for _moment, pk in places]
    films = FilmList(user, filters)
    assert [pk for page in read_pages(films, places, size) for pk in page] == pks
    for number, place in enumerate(places):
        newer_pks = pks[max(number - size, 0) : number][::-1]
        assert films.read_newer_ids(place, size) == newer_pks


def test_the_way_back_leads_to_all_films_down_to_the_one_of_the_address(user, filters):
    places = list_plainly(user, filters)
    pks = [pk for _moment, pk in places]
    films = FilmList(user, filters)
    for number in range(0, len(places), 5):
        page = load_page_through(films, cursor=places[number], limit=len(places))
        assert [film.pk for film in page] == pks[: number + 1]
