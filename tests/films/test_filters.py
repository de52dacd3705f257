"""Films are found by any combination of filters, and all of it stands in the address."""

import uuid
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
from django.http import QueryDict

from evolink_studio.films import film_list
from evolink_studio.films.film_list import FilmList
from evolink_studio.films.filters import FilmFilters, filter_films, parse_filters
from evolink_studio.films.labels import build_label_text
from evolink_studio.films.models import Collection, Tag
from evolink_studio.films.queries import find_neighbours
from evolink_studio.generations.models import Batch, Generation
from evolink_studio.generations.states import State
from evolink_studio.projects.models import Project
from tests.factories import NOW, VEO, GenerationFactory, UserFactory
from tests.films.test_gallery import list_film_ids
from tests.form_pages import ParsedPage, element_text

pytestmark = pytest.mark.django_db


def create_film(owner, *, age=0, tags=(), **fields) -> Generation:
    labels = {name: fields.get(name, "") for name in ("title", "notes")}
    film = GenerationFactory(
        owner=owner,
        **{"state": State.COMPLETED, "created_at": NOW - timedelta(hours=age), **fields},
        label_text=build_label_text(**labels, tags=[tag.name for tag in tags]),
    )
    film.tags.set(tags)
    return film


def find(client, query: str) -> list[int]:
    """The films on the page; the list behind it and all its films agree on them."""
    response = client.get(f"/films/?{query}")
    assert response.status_code == 200
    found = list_film_ids(ParsedPage(response))
    user, filters = response.wsgi_request.user, parse_filters(QueryDict(query))
    assert set(filter_films(user, filters).values_list("pk", flat=True)) == set(found)
    count = FilmList(user, filters).count()
    assert count.is_more or count.number == len(found)
    return found


@pytest.fixture(params=[1000, 0], ids=["few", "more than are counted"])
def any_density(request, monkeypatch) -> int:
    """Narrowed lists are read in two ways, by how many films they have."""
    monkeypatch.setattr(film_list, "MAX_CANDIDATES", request.param)
    return request.param


FACETS = (
    ("model=other", {"model_id": "other"}),
    ("model=other&model=third", {"model_id": "third"}),
    ("ratio=9:16", {"ratio": "9:16"}),
    ("length=6-10", {"seconds": 8}),
    ("length=21-", {"seconds": 40}),
    ("sound=without", {"has_sound": False}),
    ("starred=1", {"starred_at": NOW}),
)


@pytest.mark.parametrize(("query", "fields"), FACETS)
def test_a_facet_leaves_the_films_that_have_it(ada_client, ada, query, fields):
    usual = {"ratio": "16:9", "seconds": 5, "has_sound": True}
    create_film(ada, **usual)
    film = create_film(ada, **{**usual, **fields})
    assert find(ada_client, query) == [film.pk]
    assert find(ada_client, f"{query}&of=ended") == []


def test_facets_go_together_and_with_text_and_tab(ada_client, ada):
    film = create_film(ada, prompt="A red fox", ratio="9:16", starred_at=NOW)
    create_film(ada, prompt="A red fox", ratio="9:16")
    create_film(ada, prompt="A red fox", ratio="16:9", starred_at=NOW)
    failed = create_film(ada, prompt="A red fox", ratio="9:16", starred_at=NOW, state="failed")
    assert find(ada_client, "q=fox&ratio=9:16&starred=1") == [film.pk]
    assert find(ada_client, "q=fox&ratio=9:16&starred=1&of=ended") == [failed.pk]


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("cafe", True),
        ("CAFÉ", True),
        ("ubersee", True),
        ("Übersee cafe", True),
        ("strasse", True),
        ("kunde", True),
        ("second version", True),
        ("product", True),
        ("cafe product", True),
        ("ca", True),
        ("cafes", False),
        ("cafe missing", False),
    ],
)
def test_one_field_finds_prompt_title_notes_and_tags_without_case_and_accents(
    ada_client, ada, any_density, text, is_found
):
    tag = Tag.objects.create(owner=ada, name="Product")
    film = create_film(
        ada,
        prompt="Café in Übersee, große Straße",
        title="Kundé 7",
        notes="the second version",
        tags=[tag],
    )
    create_film(ada, prompt="A harbour")
    assert find(ada_client, f"q={text}") == ([film.pk] if is_found else [])


def test_a_number_or_the_beginning_of_a_task_finds_its_film(ada_client, ada, eve):
    film = create_film(ada, task_id="task-abc-123456")
    other = create_film(eve, task_id="task-abc-999999")
    assert find(ada_client, f"q=%23{film.pk}") == [film.pk]
    assert find(ada_client, "q=task-abc-12") == [film.pk]
    assert find(ada_client, f"q=%23{other.pk}") == []


def test_the_address_names_no_project_that_the_person_may_not_see(ada_client, ada, eve):
    private = Project.objects.create(owner=eve, name="Secret client", created_at=NOW)
    shared = Project.objects.create(owner=eve, name="Open job", is_shared=True, created_at=NOW)
    page = ada_client.get(f"/films/?project={private.pk}")
    assert page.status_code == 200
    assert "Secret client" not in page.content.decode()
    assert "Open job" in ada_client.get(f"/films/?project={shared.pk}").content.decode()
    # A film keeps the name of the job that it was made for, also when that is no longer shared.
    create_film(ada, project=private)
    assert "Secret client" in ada_client.get("/films/").content.decode()


def test_a_tag_a_collection_and_a_project_leave_their_films(ada_client, ada, any_density):
    tag = Tag.objects.create(owner=ada, name="product")
    collection = Collection.objects.create(owner=ada, name="Best", created_at=NOW)
    project = Project.objects.create(owner=ada, name="Lemon", created_at=NOW)
    film = create_film(ada, tags=[tag], project=project, ratio="9:16")
    newer = create_film(ada, tags=[tag], age=-1)
    collection.generations.add(film)
    create_film(ada)
    assert find(ada_client, f"tag={tag.pk}") == [newer.pk, film.pk]
    assert find(ada_client, f"collection={collection.pk}") == [film.pk]
    assert find(ada_client, f"project={project.pk}") == [film.pk]
    assert find(ada_client, f"tag={tag.pk}&ratio=9:16&collection={collection.pk}") == [film.pk]
    assert find(ada_client, f"tag={tag.pk}&q=nothing") == []


def create_batch(owner, **fields) -> Batch:
    fields = {"kind": Batch.Kind.TABLE, "created_at": NOW, **fields}
    return Batch.objects.create(owner=owner, form_key=uuid.uuid4(), **fields)


def test_a_batch_leaves_its_films_and_those_of_its_missing_ones_sent_again(
    ada_client, ada, any_density
):
    first, second, third, other = (create_batch(ada) for _ in range(4))
    takes = create_batch(ada, kind=Batch.Kind.TAKES)
    made = create_film(ada, age=9, batch=first, prompt="A fox")
    missing = create_film(ada, age=8, batch=first, state=State.FAILED)
    missing_again = create_film(ada, age=7, batch=second, based_on=missing, state=State.FAILED)
    beside = create_film(ada, age=6, batch=second, based_on=missing)
    last = create_film(ada, age=5, batch=third, based_on=missing_again)
    # Takes of a film are films of their own, and so is another batch.
    create_film(ada, age=4, batch=takes, based_on=made)
    create_film(ada, age=3, batch=other, prompt="A fox")
    create_film(ada, age=2, prompt="A fox")
    assert find(ada_client, f"batch={first.pk}") == [last.pk, beside.pk, made.pk]
    assert find(ada_client, f"batch={first.pk}&of=ended") == [missing_again.pk, missing.pk]
    assert find(ada_client, f"batch={third.pk}") == [last.pk]
    assert find(ada_client, f"batch={first.pk}&q=fox") == [made.pk]
    running = create_film(ada, batch=first, state=State.RUNNING)
    assert find(ada_client, f"batch={first.pk}&of=making") == [running.pk]


def test_a_film_that_the_text_names_is_found_among_those_that_the_other_filters_leave(
    ada_client, ada
):
    tag = Tag.objects.create(owner=ada, name="product")
    collection = Collection.objects.create(owner=ada, name="Best", created_at=NOW)
    batch = create_batch(ada)
    inside = create_film(ada, tags=[tag], batch=batch)
    collection.generations.add(inside)
    outside = create_film(ada, age=48)
    day = f"{NOW:%Y-%m-%d}"
    numbers = {"tag": tag.pk, "collection": collection.pk, "batch": batch.pk}
    for query in (*(f"{name}={pk}" for name, pk in numbers.items()), f"from={day}"):
        assert find(ada_client, f"q=%23{inside.pk}&{query}") == [inside.pk]
        assert find(ada_client, f"q=%23{outside.pk}&{query}") == []


def test_a_batch_of_somebody_else_shows_nothing_and_tells_nothing(client, ada, eve):
    foreign = create_batch(eve, title="Her secret", pk=70_001)
    film = create_film(eve, batch=foreign)
    create_film(ada)
    client.force_login(ada)
    assert find(client, f"batch={foreign.pk}") == []
    unknown, known = (
        ParsedPage(client.get(f"/films/?batch={pk}")).text.replace(str(pk), "N")
        for pk in (70_002, foreign.pk)
    )
    assert "Her secret" not in known
    assert known == unknown
    owner = UserFactory(owner=True)
    client.force_login(owner, "django.contrib.auth.backends.ModelBackend")
    assert find(client, f"batch={foreign.pk}") == []
    assert find(client, f"batch={foreign.pk}&person=all") == [film.pk]


def test_a_batch_is_a_chip_by_its_title_which_the_search_keeps(ada_client, ada):
    batch, unnamed = create_batch(ada, title="Pets"), create_batch(ada)
    create_film(ada, batch=batch)
    page = ParsedPage(ada_client.get(f"/films/?batch={batch.pk}&starred=1"))
    star, chip = page.find_all("a[@class='film-chip']")
    assert star.get("href") == f"/films/?batch={batch.pk}"
    assert chip.get("href") == "/films/?starred=1"
    assert "Pets" in element_text(chip)
    (select,) = page.find_all("select[@name='batch']")
    assert [option.get("value") for option in select if "selected" in option.attrib] == [
        str(batch.pk)
    ]
    assert f"Batch {unnamed.pk}" in ParsedPage(ada_client.get(f"/films/?batch={unnamed.pk}")).text
    assert not ParsedPage(ada_client.get("/films/")).find_all("select[@name='batch']")


def test_days_include_both_ends(ada_client, ada, any_density):
    films = [create_film(ada, created_at=NOW - timedelta(days=age)) for age in range(4)]
    days = [f"{film.created_at:%Y-%m-%d}" for film in films]
    assert find(ada_client, f"from={days[2]}&to={days[1]}") == [films[1].pk, films[2].pk]
    assert find(ada_client, f"from={days[3]}") == [film.pk for film in films]
    page = ParsedPage(ada_client.get(f"/films/?at={days[1]}"))
    assert list_film_ids(page) == [film.pk for film in films[1:]]


def test_what_is_in_the_trash_is_on_no_tab(ada_client, ada):
    for state in State:
        create_film(ada, state=state, trashed_at=NOW)
    for tab in ("", "making", "ended"):
        assert find(ada_client, f"of={tab}") == []


HOSTILE_QUERIES = (
    "q=%00&ratio=%00&model=%00",
    "q=%ED%A0%80&tag=x&collection=-1&project=" + "9" * 40,
    "from=2026-13-40&to=0001-01-01&at=9999-12-31",
    "from=9999-12-31&at=0001-01-01",
    "length=x&sound=maybe&starred=2&person=" + "9" * 30,
    "q=" + "%22" * 50 + "&" + "&".join(f"model={n}" for n in range(50)),
    "q=" + "a+" * 90,
    "tag=" + "9" * 18 + "&at=x",
)


@pytest.mark.parametrize("query", HOSTILE_QUERIES)
def test_an_address_that_makes_no_sense_is_a_page_all_the_same(ada_client, ada, query):
    create_film(ada)
    assert ada_client.get(f"/films/?{query}").status_code == 200


def test_filters_come_back_from_their_own_address():
    filters = FilmFilters(
        tab="ended",
        text="a “fox” & co",
        model_ids=(VEO, "other"),
        ratios=("16:9",),
        lengths=("0-5", "21-"),
        sounds=("with",),
        is_starred=True,
        tag_ids=(3, 4),
        collection_id=5,
        project_id=6,
        batch_id=7,
        since=NOW.date(),
        until=NOW.date(),
        person="all",
    )
    assert parse_filters(QueryDict(filters.build_query())) == filters
    assert parse_filters(dict(parse_qsl("of=ended&q=fox"))) == FilmFilters("ended", "fox")


# --- counts, chips and blame ------------------------------------------------------------------


def read_counts(page: ParsedPage, parameter: str) -> dict[str, str]:
    labels = page.find_all(f"label[@class='filter-option']/input[@name='{parameter}']/..")
    return {
        label.find("input").get("value"): element_text(label.find("span"))
        for label in labels
        if label.find("span") is not None
    }


def test_each_option_says_how_many_films_it_would_leave(ada_client, ada):
    for ratio, starred_at in (("16:9", NOW), ("16:9", None), ("9:16", None)):
        create_film(ada, ratio=ratio, starred_at=starred_at, prompt="A fox")
    create_film(ada, ratio="9:16", prompt="A bear", state=State.FAILED)
    page = ParsedPage(ada_client.get("/films/"))
    assert read_counts(page, "ratio") == {"16:9": "2", "9:16": "1"}
    page = ParsedPage(ada_client.get("/films/?ratio=9:16&q=fox"))
    assert read_counts(page, "ratio") == {"16:9": "2", "9:16": "1"}
    assert read_counts(page, "starred") == {"1": "0"}
    tabs = [element_text(tab) for tab in page.find_all("nav[@class='film-tabs']/a/span")]
    assert tabs == ["1", "0", "0"]


def test_an_empty_list_says_which_filter_is_to_blame(ada_client, ada):
    create_film(ada, ratio="16:9", prompt="A fox")
    page = ParsedPage(ada_client.get("/films/?ratio=9:16&q=fox"))
    (link,) = page.find_all("div[@class='empty nothing-found']//li/a")
    assert element_text(link) == "Without 9:16: 1 film"
    assert list_film_ids(ParsedPage(ada_client.get(link.get("href"))))
    page = ParsedPage(ada_client.get("/films/?ratio=9:16&q=bear"))
    assert "No single filter is to blame" in page.text


@pytest.mark.parametrize("path", ["/films/", "/films/?of=ended"])
def test_what_stands_on_another_tab_is_led_to_when_this_one_has_nothing(ada_client, ada, path):
    create_film(ada, prompt="A bear")
    create_film(ada, prompt="A bear", state=State.FAILED)
    running = create_film(ada, prompt="A fox", state=State.RUNNING)
    cancelled = create_film(ada, prompt="A fox", state=State.CANCELLED)
    if path != "/films/":
        cancelled.delete()
    separator = "&" if "?" in path else "?"
    page = ParsedPage(ada_client.get(f"{path}{separator}q=fox"))
    assert list_film_ids(page) == []
    links = page.find_all("div[@class='empty nothing-found']/ul[@aria-label='Found elsewhere']//a")
    found = {
        element_text(link): list_film_ids(ParsedPage(ada_client.get(link.get("href"))))
        for link in links
    }
    ended = {"Failed and cancelled: 1": [cancelled.pk]} if path == "/films/" else {}
    assert found == {"In the making: 1": [running.pk], **ended}
    assert "No single filter is to blame" not in page.text


def test_each_active_filter_is_a_chip_that_takes_it_away(ada_client, ada):
    create_film(ada)
    page = ParsedPage(ada_client.get(f"/films/?of=ended&model={VEO}&model=other&starred=1"))
    links = [chip.get("href") for chip in page.find_all("a[@class='film-chip']")]
    assert links == [
        "/films/?of=ended&model=other&starred=1",
        f"/films/?of=ended&model={VEO}&starred=1",
        f"/films/?of=ended&model={VEO}&model=other",
    ]


def test_the_panel_is_told_how_many_films_the_chosen_filters_leave(ada_client, ada):
    create_film(ada, starred_at=NOW)
    create_film(ada)
    headers = {"HX-Request": "true", "HX-Target": "show-count"}
    response = ada_client.get("/films/?starred=1", headers=headers)
    assert response.content.decode().strip() == "1 film"


# --- whose films ------------------------------------------------------------------------------


@pytest.mark.parametrize("person", ["all", "{pk}"])
def test_only_a_superuser_sees_films_of_others(client, ada, eve, person):
    film = create_film(eve, prompt="A secret")
    query = f"person={person.format(pk=eve.pk)}"
    staff, owner = UserFactory(staff=True), UserFactory(owner=True)
    for user, expected in ((ada, []), (staff, []), (owner, [film.pk])):
        client.force_login(user, "django.contrib.auth.backends.ModelBackend")
        assert find(client, query) == expected
        assert find(client, f"{query}&q=secret") == expected


# --- neighbours -------------------------------------------------------------------------------


def test_the_neighbours_of_a_film_are_those_of_its_list(ada, any_density):
    for age in range(5, 0, -1):
        create_film(ada, age=age, prompt="A fox")
        create_film(ada, age=age, prompt="A bear")
    for filters in (FilmFilters(text="fox"), FilmFilters(since=NOW.date() - timedelta(days=9))):
        pks = [None, *filter_films(ada, filters).order_by("-pk").values_list("pk", flat=True), None]
        for newer, pk, older in zip(pks, pks[1:], pks[2:], strict=False):
            film = Generation.objects.get(pk=pk)
            assert find_neighbours(ada, filters, film) == (newer, older)
