"""The trash: what goes into it, what is deleted for good, and what stays."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse

from evolink_studio.films.models import Cut
from evolink_studio.films.trash import TRASH_LIFETIME, empty_trash, move_to_trash
from evolink_studio.generations.models import Generation, UsageRollup
from evolink_studio.library.models import Asset
from evolink_studio.prompts.models import CastMember
from tests.factories import NOW, GenerationFactory
from tests.films.films import make_film, reload

pytestmark = pytest.mark.django_db

LATER = NOW + TRASH_LIFETIME + timedelta(seconds=1)


def make_trashed_film(owner, *, trashed_at=NOW, **fields):
    return make_film(owner, trashed_at=trashed_at, **fields)


def get_asset(film) -> Asset:
    return film.results.get().asset


def test_after_thirty_days_the_files_are_deleted_and_the_books_stay(ada):
    film = make_trashed_film(ada)
    usage = list(UsageRollup.objects.values())
    name = str(get_asset(film).file)

    assert empty_trash(now=NOW + TRASH_LIFETIME).count == 0
    assert default_storage.exists(name)
    assert empty_trash(now=LATER).count == 1

    assert not default_storage.exists(name)
    assert not Asset.objects.exists()
    film = reload(film)
    assert (film.emptied_at, film.credits_charged > 0) == (LATER, True)
    assert list(UsageRollup.objects.values()) == usage
    assert empty_trash(now=LATER).count == 0


def test_a_failed_film_without_files_leaves_the_trash_too(ada):
    film = GenerationFactory(owner=ada, state="failed", trashed_at=NOW)
    assert empty_trash(now=LATER).count == 1
    assert reload(film).emptied_at == LATER


def needed_by_a_film(film):
    GenerationFactory(owner=film.owner, state="completed").inputs.add(get_asset(film))


def needed_by_the_cast(film):
    CastMember.objects.create(owner=film.owner, name="hero", asset=get_asset(film), created_at=NOW)


def needed_by_a_cut(film):
    parts = ["nonsense", {"asset": None}, {"asset": get_asset(film).pk, "from": 0, "to": None}]
    Cut.objects.create(owner=film.owner, parts=parts, created_at=NOW)


@pytest.mark.parametrize("make_need", [needed_by_a_film, needed_by_the_cast, needed_by_a_cut])
def test_a_file_that_something_needs_stays_until_nothing_does(ada, make_need):
    film, other = make_trashed_film(ada), make_trashed_film(ada)
    make_need(film)

    emptying = empty_trash(now=LATER)

    assert (emptying.count, emptying.kept_count) == (1, 1)
    assert default_storage.exists(str(get_asset(film).file))
    assert reload(film).emptied_at is None
    assert reload(other).emptied_at == LATER

    Generation.objects.exclude(pk__in=[film.pk, other.pk]).update(emptied_at=LATER)
    CastMember.objects.all().delete()
    Cut.objects.all().delete()
    assert empty_trash(now=LATER).count == 1


def test_films_that_were_made_of_each_other_go_together(ada):
    film = make_trashed_film(ada)
    follower = make_trashed_film(ada)
    follower.inputs.add(get_asset(film))
    assert empty_trash(now=LATER).count == 2


def test_a_worker_that_is_stopped_goes_on_the_next_time(ada):
    make_trashed_film(ada)
    assert empty_trash(now=LATER, is_stopping=lambda: True).count == 0
    assert empty_trash(now=LATER).count == 1


def test_whoever_deletes_for_good_is_asked_first_with_the_number_and_the_size(ada, ada_client):
    films = [make_trashed_film(ada, content=b"x" * 2_000_000) for _ in range(2)]
    kept = make_film(ada)
    data = {"id": f"{films[0].pk},{films[1].pk},{kept.pk}"}

    page = ada_client.post(reverse("delete_films"), data).content.decode()
    assert "Delete 2 films for good?" in page
    assert "4.0 MB" in page
    assert Asset.objects.count() == 3

    ada_client.post(reverse("delete_films"), {**data, "confirmed": "1"})
    assert list(Asset.objects.all()) == [get_asset(kept)]
    assert "The files of 2 films are deleted." in ada_client.get("/films/trash/").content.decode()


def test_nobody_empties_the_trash_of_others(ada, eve, ada_client):
    film = make_trashed_film(eve)
    for data in ({"id": film.pk}, {"all": "1"}):
        ada_client.post(reverse("delete_films"), {**data, "confirmed": "1"})
    assert reload(film).emptied_at is None


def test_the_trash_shows_what_lies_in_it_and_how_long_it_stays(ada, ada_client):
    shown = make_trashed_film(ada, title="Opening shot")
    make_film(ada, title="Kept shot")
    make_trashed_film(ada, title="Emptied shot", emptied_at=NOW)
    page = ada_client.get("/films/trash/").content.decode()
    assert "Opening shot" in page
    assert "Kept shot" not in page
    assert "Emptied shot" not in page
    assert f'name="id" value="{shown.pk}"' in page


def test_a_long_trash_has_pages(ada, ada_client, monkeypatch):
    monkeypatch.setattr("evolink_studio.films.order_queries.TRASH_PAGE_SIZE", 1)
    for number in range(2):
        make_trashed_film(ada, title=f"Shot {number}", trashed_at=NOW + timedelta(minutes=number))
    first = ada_client.get("/films/trash/")
    assert "Shot 1" in first.content.decode()
    second = ada_client.get(first.context["next_url"]).content.decode()
    assert "Shot 0" in second
    assert "Shot 1" not in second


def test_what_lies_in_the_trash_is_not_beside_the_form(ada, ada_client):
    film = make_film(ada, prompt="An unwanted shot")
    move_to_trash(owner=ada, film_ids=[film.pk], now=NOW)
    assert "An unwanted shot" not in ada_client.get("/", follow=True).content.decode()


def test_an_emptied_film_still_has_its_page(ada, ada_client):
    film = make_trashed_film(ada)
    empty_trash(now=LATER)
    assert ada_client.get(reverse("show", args=[film.pk])).status_code == 200
    answer = ada_client.post("/films/actions/", {"action": "zip", "id": film.pk})
    assert answer.status_code == 404
