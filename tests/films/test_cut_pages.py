"""The pages of cuts: films in order with in and out points, what was typed kept, and the list."""

import re
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from evolink_studio.catalog import CUT_MODEL_ID
from evolink_studio.films import cut_queries, cuts
from evolink_studio.films.cuts import CutPart
from evolink_studio.films.models import Cut
from evolink_studio.generations.models import Generation
from tests.factories import UserFactory
from tests.sample_films import make_film

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return UserFactory()


@pytest.fixture
def client(client, owner):
    client.force_login(owner, "django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def film(owner):
    return make_film(owner, title="The hero shot")


@pytest.fixture
def other(owner):
    return make_film(owner, title="The waves")


def rows_of(response) -> list[tuple[str, str, str]]:
    return [
        (row.title, row.form["begin"].value() or "", row.form["end"].value() or "")
        for row in response.context["rows"]
    ]


def post(client, *rows: tuple[Generation, str, str], **fields):
    data = {
        "film": [row[0].pk for row in rows],
        "begin": [row[1] for row in rows],
        "end": [row[2] for row in rows],
        **fields,
    }
    return client.post(reverse("new_cut"), data)


def test_the_films_of_the_address_stand_in_its_order_and_one_may_be_there_twice(
    client, film, other
):
    page = client.get(reverse("new_cut"), {"ids": f"{other.pk},{film.pk},{other.pk}"})
    assert [row[0] for row in rows_of(page)] == ["The waves", "The hero shot", "The waves"]
    assert page.context["total_text"] == "0:06.0"


def test_films_that_may_not_be_in_it_are_left_out_and_said(client, owner, film):
    trashed = make_film(owner, trashed_at=timezone.now())
    foreign = make_film(UserFactory(), prompt="A stranger's")
    ids = f"{film.pk},{trashed.pk},{foreign.pk},x,-1,{10**25}"
    page = client.get(reverse("new_cut"), {"ids": ids})
    assert [row[0] for row in rows_of(page)] == ["The hero shot"]
    assert "2 films are left out" in page.content.decode()
    assert "A stranger" not in page.content.decode()
    assert str(trashed.pk) not in [str(it.id) for it in page.context["offered_films"]]


@pytest.mark.parametrize(
    ("do", "titles"),
    [
        ("down:0", ["The waves", "The hero shot"]),
        ("up:1", ["The waves", "The hero shot"]),
        ("up:0", ["The hero shot", "The waves"]),
        ("copy:0", ["The hero shot", "The hero shot", "The waves"]),
        ("remove:0", ["The waves"]),
        ("remove:9", ["The hero shot", "The waves"]),
        ("nonsense", ["The hero shot", "The waves"]),
    ],
)
def test_without_scripts_the_buttons_change_the_order_and_keep_what_was_typed(
    client, film, other, do, titles
):
    page = post(client, (film, "0.5", "1"), (other, "0.1", ""), do=do, title="Kept")
    times = {"The hero shot": ("0.5", "1"), "The waves": ("0.1", "")}
    assert rows_of(page) == [(title, *times[title]) for title in titles]
    assert "Kept" in page.content.decode()
    assert not Cut.objects.exists()


def test_a_film_is_added_to_what_stands_there(client, film, other):
    page = post(client, (film, "0.5", ""), do=f"add:{other.pk}")
    assert rows_of(page) == [("The hero shot", "0.5", ""), ("The waves", "", "")]


def test_a_cut_is_asked_for_and_stands_in_the_list_until_it_is_ready(client, owner, film, other):
    response = post(client, (film, "0.5", ""), (other, "", "1.25"), do="make", title="Trailer")
    assert (response.status_code, response["Location"]) == (302, reverse("cuts"))
    cut = Cut.objects.get()
    assert cut.title == "Trailer"
    assert [(part["from"], part["to"]) for part in cut.parts] == [(0.5, 2.0), (0.0, 1.25)]
    page = client.get(reverse("cuts"))
    assert "2 parts · 0:02.8" in page.content.decode()
    assert 'hx-trigger="load delay:4s"' in page.content.decode()
    Cut.objects.update(state="ready", next_attempt_at=None, generation=film)
    page = client.get(reverse("cut_list")).content.decode()
    assert "hx-trigger" not in page  # nothing is in the making: nothing to ask for
    assert f"/films/{film.pk}/" in page


@pytest.mark.parametrize(
    ("begin", "end", "field"),
    [
        ("-1", "", "begin"),
        ("x", "", "begin"),
        ("1e99", "", "begin"),
        ("NaN", "", "begin"),
        ("1.5", "1.5", "end"),
        ("1.5", "1", "end"),
        ("", "9", "end"),
        ("3", "", "end"),
        ("0.12345", "", "begin"),
    ],
)
def test_times_that_cannot_be_are_said_at_their_field(client, film, begin, end, field):
    page = post(client, (film, "", ""), (film, begin, end), do="make", title="Kept")
    assert page.status_code == 422
    text = page.content.decode()
    assert re.search(rf'id="part-1-{field}"[^>]*aria-invalid="true"', text)
    assert f'id="part-1-{field}-error"' in text
    assert rows_of(page)[1] == ("The hero shot", begin, end)
    assert 'value="Kept"' in text
    assert not Cut.objects.exists()


def test_what_is_too_much_or_nothing_is_said_above(client, film, monkeypatch):
    assert "Choose at least one film." in post(client, do="make").content.decode()
    monkeypatch.setattr("evolink_studio.films.cut_forms.MAX_PARTS", 2)
    assert "up to 2 parts" in post(client, *[(film, "", "")] * 3, do="make").content.decode()
    monkeypatch.setattr("evolink_studio.films.cut_forms.MAX_SECONDS", 3)
    assert "minutes long" in post(client, *[(film, "", "")] * 2, do="make").content.decode()
    page = post(client, (film, "", ""), do="make", title="x" * 121)
    assert 'id="id_title_error"' in page.content.decode()
    assert not Cut.objects.exists()


def test_a_failed_cut_says_why_and_is_tried_again_or_removed(client, owner, film):
    part = CutPart(film.results.get().asset_id, Decimal(0), Decimal(1))
    cut = cuts.create_cut(owner=owner, title="", parts=[part], now=timezone.now())
    Cut.objects.update(state="failed", failure="gone", next_attempt_at=None)
    assert "no longer here" in client.get(reverse("cuts")).content.decode()
    client.post(reverse("retry_cut", args=[cut.pk]))
    cut.refresh_from_db()
    assert (cut.state, cut.failure) == ("waiting", "")
    client.post(reverse("cancel_cut", args=[cut.pk]))
    assert not Cut.objects.exists()


@pytest.mark.parametrize(
    "parts",
    [
        "text",
        {},
        [None, 1, {"asset": "x"}],
        [{"asset": 10**30}],
        [{"asset": 1, "from": "x", "to": {}}],
    ],
)
def test_stored_parts_of_any_kind_never_keep_the_list_from_opening(client, owner, parts):
    cut = Cut.objects.create(owner=owner, parts=parts, created_at=timezone.now(), failure="unheard")
    assert client.get(reverse("cuts")).status_code == 200
    assert client.get(reverse("change_cut", args=[cut.pk])).status_code == 200


def test_many_cuts_stand_on_pages_and_ask_as_often_as_one(
    client, owner, film, monkeypatch, django_assert_max_num_queries
):
    monkeypatch.setattr(cut_queries, "PAGE_SIZE", 2)
    asset_id = film.results.get().asset_id
    for number in range(3):
        Cut.objects.create(
            owner=owner,
            title=f"Cut no. {number}",
            parts=[{"asset": asset_id, "from": 0, "to": 1}],
            state="ready",
            generation=None,
            created_at=timezone.now(),
        )
    with django_assert_max_num_queries(8):
        page = client.get(reverse("cuts"))
    assert [row.title for row in page.context["cuts"]] == ["Cut no. 2", "Cut no. 1"]
    older = client.get(reverse("cuts"), {"page": page.context["older_page"]})
    assert [row.title for row in older.context["cuts"]] == ["Cut no. 0"]


def make_cut(owner, *parts, **fields) -> Cut:
    rows = [
        {"asset": film.results.get().asset_id, "from": begin, "to": end}
        for film, begin, end in parts
    ]
    fields = {"state": "ready", "title": "Trailer", **fields}
    return Cut.objects.create(owner=owner, parts=rows, created_at=timezone.now(), **fields)


@pytest.mark.parametrize("state", ["ready", "failed"])
def test_a_cut_is_changed_into_another_one_and_stays(client, owner, film, other, state):
    cut = make_cut(owner, (other, 0.125, 2.0), (film, 0, 1.25), (other, 0, 2.0), state=state)
    url = reverse("change_cut", args=[cut.pk])
    assert f'href="{url}"' in client.get(reverse("cuts")).content.decode()
    page = client.get(url)
    assert rows_of(page) == [
        ("The waves", "0.125", ""),
        ("The hero shot", "", "1.25"),
        ("The waves", "", ""),
    ]
    assert page.context["form"]["title"].value() == "Trailer"
    assert page.context["total_text"] == "0:05.1"
    assert "“Trailer”" in page.content.decode()
    assert "Left out" not in page.content.decode()
    assert Cut.objects.count() == 1
    post(client, (other, "0.125", ""), (film, "", "1"), do="make", title="Trailer")
    new_cut = Cut.objects.exclude(pk=cut.pk).get()
    assert [(part["from"], part["to"]) for part in new_cut.parts] == [(0.125, 2.0), (0, 1)]
    before = cut.parts
    cut.refresh_from_db()
    assert (cut.parts, cut.state) == (before, state)


def test_a_cut_that_is_being_made_is_not_offered_to_be_changed(client, owner, film):
    cut = make_cut(owner, (film, 0, 1), state="waiting", next_attempt_at=timezone.now())
    url = reverse("change_cut", args=[cut.pk])
    assert url not in client.get(reverse("cuts")).content.decode()


def test_parts_that_are_gone_or_in_the_trash_are_named_and_left_out(client, owner, film, other):
    made = make_film(owner, title="Trailer")
    gone = make_film(owner, title="The end")
    cut = make_cut(owner, (gone, 0, 1), (other, 0, 1), (film, 0, 1), (other, 1, 2), generation=made)
    made.params = {"parts": [{**part, "title": "As it was called"} for part in cut.parts[:1]]}
    made.save(update_fields=["params"])
    gone.results.all().delete()
    Generation.objects.filter(pk=other.pk).update(trashed_at=timezone.now())
    page = client.get(reverse("change_cut", args=[cut.pk]))
    assert rows_of(page) == [("The hero shot", "", "1")]
    assert page.context["lost_titles"] == ["As it was called", "The waves"]
    assert "Left out, because they are deleted or in the trash:" in page.content.decode()


def test_a_film_that_nobody_noted_the_name_of_is_left_out_all_the_same(client, owner, film):
    cut = make_cut(owner, (film, 0, 1), state="failed")
    film.results.all().delete()
    page = client.get(reverse("change_cut", args=[cut.pk]))
    assert (rows_of(page), page.context["lost_titles"]) == ([], ["a film without a name"])


def test_the_page_of_a_cut_offers_to_change_it_and_that_of_a_film_does_not(client, owner, film):
    made = make_film(owner, title="Trailer", model_id=CUT_MODEL_ID)
    cut = make_cut(owner, (film, 0, 1), generation=made)
    url = reverse("change_cut", args=[cut.pk])
    assert url in client.get(reverse("film", args=[made.pk])).content.decode()
    assert "/change/" not in client.get(reverse("film", args=[film.pk])).content.decode()


def test_no_cut_is_made_without_a_film_that_was_trashed_meanwhile(client, owner, film, other):
    Generation.objects.filter(pk=other.pk).update(trashed_at=timezone.now())
    page = post(client, (film, "", ""), (other, "", ""), title="Both", do="make")
    assert page.status_code == 422
    assert "so nothing was made" in page.content.decode()
    assert not Cut.objects.exists()
    assert post(client, (film, "", ""), title="One", do="make").status_code == 302
