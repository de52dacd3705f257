"""Everything a person made and kept, page by page to any depth."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evolink_studio.accounts.middleware import TIME_ZONE_COOKIE
from evolink_studio.films.views import gallery
from evolink_studio.films.views.gallery import MORE_SIZE, PAGE_SIZE
from evolink_studio.generations.states import ENDED_STATES, LIVE_STATES, State
from tests.factories import NOW, GenerationFactory
from tests.form_pages import ParsedPage, element_text
from tests.generations.form_client import HTMX_HEADERS

pytestmark = pytest.mark.django_db


def list_film_ids(page: ParsedPage) -> list[int]:
    return [int(film.get("data-generation")) for film in page.find_all("article[@data-generation]")]


def next_page_url(page: ParsedPage) -> str | None:
    links = page.find_all("*[@id='load-more']//a")
    return links[0].get("href") if links else None


def walk_gallery(client, **options) -> list[int]:
    """Every film, page after page."""
    page, film_ids = ParsedPage(client.get("/films/")), []
    while True:
        film_ids += list_film_ids(page)
        if not (url := next_page_url(page)):
            return film_ids
        page = ParsedPage(client.get(url, **options))


@pytest.mark.parametrize("how", [{}, {"headers": HTMX_HEADERS}], ids=["pages", "fragments"])
def test_every_film_is_found_once_newest_first_even_of_one_moment(ada_client, ada, how):
    moments = [NOW - timedelta(hours=n // 9) for n in range(PAGE_SIZE + MORE_SIZE + 7)]
    rows = [GenerationFactory(owner=ada, state=State.COMPLETED, created_at=m) for m in moments]
    expected = sorted(rows, key=lambda row: (row.created_at, row.pk), reverse=True)
    assert walk_gallery(ada_client, **how) == [row.pk for row in expected]


def test_only_what_was_kept_stands_there(ada_client, ada, eve):
    completed = GenerationFactory(owner=ada, state=State.COMPLETED)
    GenerationFactory(owner=eve, state=State.COMPLETED)
    for state in set(State) - {State.COMPLETED}:
        GenerationFactory(owner=ada, state=state)
    assert walk_gallery(ada_client) == [completed.pk]


def test_a_last_page_that_is_just_full_offers_no_empty_one(ada_client, ada):
    GenerationFactory.create_batch(PAGE_SIZE, owner=ada, state=State.COMPLETED)
    page = ParsedPage(ada_client.get("/films/"))
    assert len(list_film_ids(page)) == PAGE_SIZE
    assert next_page_url(page) is None


def test_a_film_made_meanwhile_moves_nothing(ada_client, ada):
    old_rows = [
        GenerationFactory(owner=ada, state=State.COMPLETED, created_at=NOW - timedelta(hours=n))
        for n in range(PAGE_SIZE + 3)
    ]
    page = ParsedPage(ada_client.get("/films/"))
    GenerationFactory(owner=ada, state=State.COMPLETED, created_at=NOW + timedelta(hours=1))
    assert list_film_ids(ParsedPage(ada_client.get(next_page_url(page)))) == [
        row.pk for row in old_rows[PAGE_SIZE:]
    ]


@pytest.mark.parametrize("depth", [0, 40])
def test_any_depth_costs_the_same_queries(ada_client, ada, depth):
    for n in range(60):
        GenerationFactory(owner=ada, state=State.COMPLETED, created_at=NOW - timedelta(hours=n))
    address = "/films/"
    if depth:
        address = f"/films/?before={(NOW - timedelta(hours=depth)).isoformat()[:19]}Z&id=1"
    with CaptureQueriesContext(connection) as queries:
        assert list_film_ids(ParsedPage(ada_client.get(address)))
    assert len(queries) <= 20


@pytest.mark.parametrize(
    "query",
    [
        "before=x&id=1",
        "before=2026-11-20T12:00:00Z",
        "before=2026-11-20T12:00:00&id=1",
        "before=2026-13-40T99:99:99Z&id=1",
        "before=2026-11-20T12:00:00Z&id=x",
        "before=2026-11-20T12:00:00Z&id=" + "9" * 40,
        "id=5",
        "before=%00&id=%00",
    ],
)
def test_a_place_that_makes_no_sense_is_the_beginning(ada_client, ada, query):
    completed = GenerationFactory(owner=ada, state=State.COMPLETED)
    assert list_film_ids(ParsedPage(ada_client.get(f"/films/?{query}"))) == [completed.pk]


@pytest.mark.parametrize("query", ["before=x&id=1", "before=2026-11-20T12:00:00Z&id=1"])
def test_who_asks_for_more_never_gets_a_page_inside_the_page(ada_client, query):
    response = ada_client.get(f"/films/?{query}", headers=HTMX_HEADERS)
    assert "<html" not in response.content.decode()


@pytest.mark.parametrize("name", ["before", "through"])
@pytest.mark.parametrize(
    ("moment", "is_found"),
    [
        ("0001-01-01T00:00:00+14:00", {"before": False, "through": True}),
        ("0001-01-01T00:00:00Z", {"before": False, "through": True}),
        ("9999-12-31T23:59:59.999999-14:00", {"before": True, "through": False}),
        ("9999-12-31T23:59:59.999999Z", {"before": True, "through": False}),
    ],
)
def test_a_place_beyond_all_time_is_before_or_after_every_film(
    ada_client, ada, name, moment, is_found
):
    film = GenerationFactory(owner=ada, state=State.COMPLETED)
    response = ada_client.get("/films/", {name: moment, "id": str(film.pk + 1)})
    assert bool(list_film_ids(ParsedPage(response))) == is_found[name]


# --- the way back -----------------------------------------------------------------------------


def lengthen(client, page: ParsedPage, times: int) -> tuple[list[int], str]:
    """What stands on the page after pressing "Load more" so often, and its address then."""
    film_ids, address = list_film_ids(page), ""
    for _ in range(times):
        response = client.get(next_page_url(page), headers=HTMX_HEADERS)
        page, address = ParsedPage(response), response["HX-Replace-Url"]
        film_ids += list_film_ids(page)
    return film_ids, address


@pytest.mark.parametrize("tab", ["", "?of=ended"])
def test_the_address_of_a_lengthened_list_opens_the_same_list(ada_client, ada, tab):
    state = State.FAILED if tab else State.COMPLETED
    for n in range(PAGE_SIZE + 2 * MORE_SIZE + 5):
        moment = NOW - timedelta(hours=n // 5)
        GenerationFactory(owner=ada, state=state, created_at=moment)
    film_ids, address = lengthen(ada_client, ParsedPage(ada_client.get(f"/films/{tab}")), 2)
    assert len(film_ids) == PAGE_SIZE + 2 * MORE_SIZE
    page = ParsedPage(ada_client.get(address))
    assert list_film_ids(page) == film_ids
    assert page.find_all("p[@class='load-more']/a[@href='/films/']") == []
    last_ids = list_film_ids(ParsedPage(ada_client.get(next_page_url(page))))
    assert len(last_ids) == 5
    assert not set(last_ids) & set(film_ids)


def test_a_film_made_meanwhile_stands_before_the_others_on_the_way_back(ada_client, ada):
    for n in range(2 * PAGE_SIZE):
        GenerationFactory(owner=ada, state=State.COMPLETED, created_at=NOW - timedelta(hours=n))
    film_ids, address = lengthen(ada_client, ParsedPage(ada_client.get("/films/")), 1)
    newest = GenerationFactory(
        owner=ada, state=State.COMPLETED, created_at=NOW + timedelta(hours=1)
    )
    page = ParsedPage(ada_client.get(address))
    assert list_film_ids(page) == [newest.pk, *film_ids]
    assert next_page_url(page) is None


def test_a_very_long_list_comes_back_from_its_end(ada_client, ada, monkeypatch):
    monkeypatch.setattr(gallery, "MAX_DEPTH", PAGE_SIZE + 2)
    for n in range(3 * PAGE_SIZE):
        GenerationFactory(owner=ada, state=State.COMPLETED, created_at=NOW - timedelta(hours=n))
    film_ids, address = lengthen(ada_client, ParsedPage(ada_client.get("/films/")), 2)
    with CaptureQueriesContext(connection) as queries:
        page = ParsedPage(ada_client.get(address))
    assert list_film_ids(page) == film_ids[-PAGE_SIZE - 2 :]
    assert page.find_one("p[@class='load-more']/a").get("href") == "/films/"
    assert len(queries) <= 22


def test_the_first_page_is_light_and_a_list_ends_just_full(ada_client, ada, monkeypatch):
    monkeypatch.setattr(gallery, "MAX_DEPTH", PAGE_SIZE + MORE_SIZE + PAGE_SIZE)
    GenerationFactory.create_batch(4 * PAGE_SIZE + 3, owner=ada, state=State.COMPLETED)
    page = ParsedPage(ada_client.get("/films/"))
    counts = [len(list_film_ids(page))]
    while page.find_one("*[@id='load-more']/a").get("hx-get"):
        page = ParsedPage(ada_client.get(next_page_url(page), headers=HTMX_HEADERS))
        counts.append(len(list_film_ids(page)))
    assert counts == [PAGE_SIZE, MORE_SIZE, PAGE_SIZE]


def test_a_list_grows_to_a_depth_and_goes_on_with_a_new_page(ada_client, ada, monkeypatch):
    monkeypatch.setattr(gallery, "MAX_DEPTH", 2 * PAGE_SIZE)
    for n in range(3 * PAGE_SIZE + 1):
        GenerationFactory(owner=ada, state=State.COMPLETED, created_at=NOW - timedelta(hours=n))
    page = ParsedPage(ada_client.get("/films/"))
    assert page.find_one("*[@id='load-more']/a").get("hx-get") == next_page_url(page)
    full = ParsedPage(ada_client.get(next_page_url(page), headers=HTMX_HEADERS))
    assert page.find_all("p[@class='load-more']/a[@href='/films/']") == []
    assert full.find_one("*[@id='load-more']/a").get("hx-get") is None
    next_page = ParsedPage(ada_client.get(next_page_url(full)))
    assert len(list_film_ids(next_page)) == PAGE_SIZE
    assert next_page.find_one("*[@id='load-more']/a").get("hx-get") == next_page_url(next_page)
    assert next_page.find_all("p[@class='load-more']/a[@href='/films/']")


@pytest.mark.parametrize("shown", ["x", "-1", "9" * 30])
def test_a_number_of_films_that_cannot_be_counts_as_none(ada_client, ada, shown):
    GenerationFactory.create_batch(PAGE_SIZE + 1, owner=ada, state=State.COMPLETED)
    query = {"before": "2099-01-01T00:00:00Z", "id": "1", "shown": shown}
    page = ParsedPage(ada_client.get("/films/", query, headers=HTMX_HEADERS))
    assert next_page_url(page).endswith(f"shown={PAGE_SIZE}")


def test_a_tile_says_its_generation_and_state_like_a_card(ada_client, ada):
    rows = {state: GenerationFactory(owner=ada, state=state) for state in State}
    for address in ("/films/", "/films/?of=making", "/films/?of=ended"):
        for pk, status in ParsedPage(ada_client.get(address)).card_states().items():
            assert rows.pop(State(status)).pk == pk
    assert not rows


# --- what is not kept -------------------------------------------------------------------------


TAB_STATES = {"making": LIVE_STATES, "ended": ENDED_STATES - {State.COMPLETED}}


@pytest.mark.parametrize("tab", TAB_STATES)
def test_what_is_in_the_making_and_what_failed_stand_on_tabs_of_their_own(
    ada_client, ada, eve, tab
):
    rows = {state: GenerationFactory(owner=ada, state=state) for state in State}
    GenerationFactory(owner=eve, state=State.RUNNING)
    GenerationFactory(owner=eve, state=State.FAILED)
    page = ParsedPage(ada_client.get(f"/films/?of={tab}"))
    assert set(list_film_ids(page)) == {rows[state].pk for state in TAB_STATES[tab]}
    for state in TAB_STATES[tab]:
        assert str(state.label) in page.text


def test_every_tab_can_be_reached_from_the_films(ada_client):
    page = ParsedPage(ada_client.get("/films/"))
    for link in page.find_all("nav[@class='film-tabs']/a"):
        next_page = ParsedPage(ada_client.get(link.get("href")))
        (current_tab,) = [
            tab_link
            for tab_link in next_page.find_all("nav[@class='film-tabs']/a")
            if tab_link.get("aria-current")
        ]
        assert element_text(current_tab) == element_text(link)


def test_a_long_tab_is_paged_and_stays_the_same_tab(ada_client, ada):
    rows = GenerationFactory.create_batch(PAGE_SIZE + 3, owner=ada, state=State.FAILED)
    GenerationFactory(owner=ada, state=State.COMPLETED)
    page = ParsedPage(ada_client.get("/films/?of=ended"))
    film_ids = list_film_ids(page) + list_film_ids(ParsedPage(ada_client.get(next_page_url(page))))
    assert sorted(film_ids) == [row.pk for row in rows]


def test_a_tab_says_what_it_cost_and_what_can_be_done(ada_client, ada):
    GenerationFactory(owner=ada, state=State.FAILED, error_code="service_error")
    page = ParsedPage(ada_client.get("/films/?of=ended"))
    assert "Not charged: 25.7 credits were returned." in page.text
    assert "Try again" in page.text
    GenerationFactory(owner=ada, state=State.QUEUED)
    GenerationFactory(owner=ada, state=State.RUNNING, dismissed_at=NOW)
    page = ParsedPage(ada_client.get("/films/?of=making"))
    assert {form.get("action", "").split("/")[-2] for form in page.find_all("article//form")} == {
        "cancel",
        "watch-again",
    }
    assert "As it stood" in page.text


def test_a_tab_that_is_not_there_is_the_first_one(ada_client, ada):
    completed = GenerationFactory(owner=ada, state=State.COMPLETED)
    assert list_film_ids(ParsedPage(ada_client.get("/films/?of=<script>"))) == [completed.pk]


def test_without_a_film_there_is_a_way_to_the_first(ada_client):
    page = ParsedPage(ada_client.get("/films/"))
    assert list_film_ids(page) == []
    assert "No film yet" in page.text


def list_days_and_times(page: ParsedPage) -> tuple[list[str], list[str]]:
    days = page.find_all("h2[@class='film-day']")
    times = page.find_all("p[@class='film-info']/time")
    return [element_text(day) for day in days], [element_text(time) for time in times]


@pytest.mark.parametrize(
    ("zone", "days", "times"),
    [
        (None, ["Wednesday, Jan. 14, 2026"], ["23:30", "22:30"]),
        (
            "Europe/Berlin",
            ["Thursday, Jan. 15, 2026", "Wednesday, Jan. 14, 2026"],
            ["00:30", "23:30"],
        ),
        ("Asia/Kolkata", ["Thursday, Jan. 15, 2026"], ["05:00", "04:00"]),
        ("Nowhere/Town", ["Wednesday, Jan. 14, 2026"], ["23:30", "22:30"]),
        ("../../etc/passwd", ["Wednesday, Jan. 14, 2026"], ["23:30", "22:30"]),
        ("z" * 2000, ["Wednesday, Jan. 14, 2026"], ["23:30", "22:30"]),
    ],
)
def test_days_and_times_are_those_of_the_device(ada_client, ada, zone, days, times):
    for hour in (22, 23):
        made_at = datetime(2026, 1, 14, hour, 30, tzinfo=UTC)
        GenerationFactory(owner=ada, state=State.COMPLETED, created_at=made_at)
    if zone:
        ada_client.cookies[TIME_ZONE_COOKIE] = zone
    assert list_days_and_times(ParsedPage(ada_client.get("/films/"))) == (days, times)


@pytest.mark.parametrize(
    ("query", "times"),
    [
        ("from=2026-01-15", ["00:30"]),
        ("to=2026-01-14", ["23:30"]),
        ("from=2026-01-14&to=2026-01-14&q=cat", ["23:30"]),
        ("at=2026-01-14", ["23:30"]),
        ("to=9999-12-31", ["00:30", "23:30"]),
        ("from=0001-01-01", ["00:30", "23:30"]),
        ("at=0001-01-01", []),
        ("before=9999-12-31T23:59:59Z&id=1", ["00:30", "23:30"]),
        ("before=0001-01-01T00:00:00Z&id=1", []),
    ],
)
def test_a_day_that_is_looked_for_is_one_of_the_device(ada_client, ada, query, times):
    for hour in (22, 23):
        made_at = datetime(2026, 1, 14, hour, 30, tzinfo=UTC)
        GenerationFactory(owner=ada, state=State.COMPLETED, created_at=made_at)
    ada_client.cookies[TIME_ZONE_COOKIE] = "Europe/Berlin"
    page = ParsedPage(ada_client.get(f"/films/?{query}"))
    assert list_days_and_times(page)[1] == times
