"""The pages of projects and collections."""

from decimal import Decimal

import pytest
import time_machine
from django.urls import reverse

from evolink_studio.films import services
from evolink_studio.films.models import Collection
from evolink_studio.generations import usage_rollup
from evolink_studio.generations.models import Generation
from evolink_studio.generations.usage_report import (
    ProjectUsage,
    UsageFilter,
    sum_by_project,
    sum_usage,
)
from evolink_studio.projects.models import Project
from evolink_studio.projects.queries import list_usable_projects
from evolink_studio.projects.services import create_project
from tests.factories import NOW
from tests.films.films import make_film, reload

pytestmark = pytest.mark.django_db

LAST_MONTH = NOW.replace(month=10)


@pytest.fixture
def project(ada) -> Project:
    return create_project(owner=ada, name="Toothpaste", client="ACME", is_shared=True, now=NOW)


def prove() -> list[str]:
    return [str(finding) for step in usage_rollup.prove_rollup(None) for finding in step.findings]


def test_money_is_counted_by_project_and_moves_with_the_film(ada, eve, project):
    films = [make_film(ada), make_film(ada, project=project), make_film(eve, project=project)]
    make_film(ada, project=project, accounted_at=LAST_MONTH)
    price = Decimal("25.7")

    assert sum_by_project([project.pk], now=NOW) == {
        project.pk: ProjectUsage(3, price * 2, price * 3)
    }
    assert sum_by_project([project.pk], now=NOW, owner_id=ada.pk)[project.pk].charged == price * 2
    services.move_to_project(owner=ada, film_ids=[films[0].pk], project=project, now=NOW)
    assert sum_usage(UsageFilter(project_id=project.pk)).credits_charged == price * 4
    services.move_to_project(owner=ada, film_ids=[films[1].pk], project=None, now=NOW)
    assert sum_usage(UsageFilter(project_id=project.pk)).credits_charged == price * 3
    assert prove() == []


def test_the_page_of_projects_shows_films_and_credits_and_whose_they_are(ada, eve, project, client):
    make_film(ada, project=project)
    make_film(eve, project=project)
    with time_machine.travel(NOW, tick=False):
        client.force_login(ada)
        page = client.get("/projects/").content.decode()
        assert all(text in page for text in ("Toothpaste", "ACME", "1 film", "25.7 credits"))
        assert "Everybody: 2 films, 51.4 credits this month, 51.4 in all" in page
        client.force_login(eve)
        page = client.get("/projects/").content.decode()
    assert "shared by ada" in page
    assert "Everybody:" not in page
    assert reverse("project", args=[project.pk]) not in page


def test_a_project_of_a_taken_name_is_refused_at_its_field(ada_client, project):
    data = {"name": "TOOTHPASTE", "client": "Other"}
    page = ada_client.post("/projects/", data).content.decode()
    assert "You have a project of this name." in page
    assert 'value="TOOTHPASTE"' in page
    assert Project.objects.count() == 1


def test_an_archived_project_is_offered_no_more_and_keeps_its_films(ada, ada_client, project):
    film = make_film(ada, project=project)
    ada_client.post(reverse("archive_project", args=[project.pk]))
    assert "Toothpaste" in ada_client.get("/projects/?archived=1").content.decode()
    assert list_usable_projects(ada) == []
    assert reload(film).project == project
    ada_client.post(reverse("archive_project", args=[project.pk]), {"undo": "1"})
    project.refresh_from_db()
    assert project.archived_at is None


def test_nobody_changes_a_project_that_is_only_shared_with_them(eve, client, project):
    client.force_login(eve)
    for name in ("project", "archive_project"):
        answer = client.post(reverse(name, args=[project.pk]), {"name": "Mine"})
        assert answer.status_code == 404
    project.refresh_from_db()
    assert (project.name, project.archived_at) == ("Toothpaste", None)


def test_the_page_of_collections_counts_what_is_not_in_the_trash(ada, ada_client):
    reel = services.create_collection(owner=ada, name="Reel", now=NOW)
    films = [make_film(ada), make_film(ada), make_film(ada, trashed_at=NOW)]
    services.add_to_collection(
        owner=ada, film_ids=[film.pk for film in films], collection=reel, now=NOW
    )
    page = ada_client.get("/collections/").content.decode()
    assert "2 films" in page
    assert f"/films/?collection={reel.pk}" in page


def test_a_collection_is_made_renamed_and_deleted_and_its_films_stay(ada, ada_client):
    ada_client.post("/collections/", {"name": "Reel"})
    reel = Collection.objects.get()
    film = make_film(ada)
    reel.generations.add(film)
    page = ada_client.post("/collections/", {"name": "reel"}).content.decode()
    assert "You have “reel” already." in page

    ada_client.post(reverse("collection", args=[reel.pk]), {"name": "Show reel"})
    assert Collection.objects.get().name == "Show reel"
    ada_client.post(reverse("delete_collection", args=[reel.pk]))
    assert not Collection.objects.exists()
    assert Generation.objects.filter(pk=film.pk).exists()
    assert "Its films stay." in ada_client.get("/collections/").content.decode()
