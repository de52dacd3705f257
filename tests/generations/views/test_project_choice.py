"""The project beside Generate: chosen, begun there, remembered."""

import pytest

from evolink_studio.generations.models import Draft, Generation
from evolink_studio.projects.models import Project
from tests.factories import NOW, VEO
from tests.form_pages import ParsedPage
from tests.generations.form_client import open_create_page, post_form

pytestmark = pytest.mark.django_db

SORA = "sora-2-preview"


@pytest.fixture
def project(ada):
    return Project.objects.create(owner=ada, name="Spring", client="Bakery", created_at=NOW)


def list_options(page) -> dict[str, str]:
    return {o.get("value"): "".join(o.itertext()) for o in page.find_all("option")}


def read_chosen(page) -> str | None:
    chosen = [o for o in page.find_all("option") if o.get("selected") is not None]
    return chosen[0].get("value") if chosen else None


def test_without_a_project_there_is_only_a_name_for_a_first_one(ada_client):
    page = open_create_page(ada_client)
    assert page.find_controls("_project") == []
    assert page.control_value("_new_project") == ""
    post_form(ada_client, VEO, {"_new_project": "  Spring\n campaign "})
    assert Generation.objects.get().project == Project.objects.get(name="Spring campaign")


def test_a_film_is_made_for_the_chosen_project_which_is_remembered(ada_client, project):
    page = open_create_page(ada_client)
    assert list_options(page) == {
        "": "No project",
        str(project.pk): "Bakery · Spring",
        "new": "New project…",
    }
    assert read_chosen(page) == ""
    post_form(ada_client, VEO, {"_project": str(project.pk)})
    assert Generation.objects.get().project == project
    assert read_chosen(open_create_page(ada_client, SORA)) == str(project.pk)
    post_form(ada_client, VEO, {"_project": ""})
    assert read_chosen(open_create_page(ada_client, SORA)) == ""


def test_a_draft_and_the_settings_of_a_film_keep_their_project(ada_client, ada, project):
    other = Project.objects.create(owner=ada, name="Autumn", created_at=NOW)
    post_form(ada_client, VEO, {"_project": str(project.pk)})
    fields = {"_project": str(other.pk), "prompt": "Half a thought"}
    post_form(ada_client, VEO, fields, action="refresh", is_htmx=True)
    assert Draft.objects.get().values["_project"] == str(other.pk)
    assert read_chosen(open_create_page(ada_client)) == str(other.pk)
    post_form(ada_client, VEO, {"_project": ""})
    first = Generation.objects.earliest("pk")
    assert read_chosen(open_create_page(ada_client, query=f"?from={first.pk}")) == str(project.pk)


def test_another_model_keeps_the_project(ada_client, project):
    fields = {"from_model": VEO, "_project": str(project.pk)}
    page = ParsedPage(post_form(ada_client, SORA, fields, action="switch", is_htmx=True))
    assert read_chosen(page) == str(project.pk)


def test_a_new_project_is_begun_by_the_press_and_not_before(ada_client, project):
    fields = {"_project": "new", "_new_project": "Autumn"}
    page = ParsedPage(post_form(ada_client, VEO, fields, action="refresh", is_htmx=True))
    assert (read_chosen(page), page.control_value("_new_project")) == ("new", "Autumn")
    page = ParsedPage(post_form(ada_client, VEO, {**fields, "prompt": ""}, is_htmx=True))
    assert (read_chosen(page), page.control_value("_new_project")) == ("new", "Autumn")
    assert Project.objects.count() == 1
    page = ParsedPage(post_form(ada_client, VEO, fields, is_htmx=True))
    autumn = Project.objects.get(name="Autumn")
    assert Generation.objects.get().project == autumn
    assert read_chosen(page) == str(autumn.pk)
    post_form(ada_client, VEO, fields)
    assert Generation.objects.filter(project=autumn).count() == 2


def test_what_may_not_be_chosen_is_said_at_the_field_and_nothing_is_sent(
    ada_client, ada, eve, project
):
    foreign = Project.objects.create(owner=eve, name="Hers", created_at=NOW)
    archived = Project.objects.create(owner=ada, name="Old", created_at=NOW, archived_at=NOW)
    cases = (
        {"_project": str(foreign.pk)},
        {"_project": str(archived.pk)},
        {"_project": "999999"},
        {"_project": "9" * 40},
        {"_project": "<script>"},
        {"_project": "new"},
        {"_project": "new", "_new_project": "x" * 81},
        {"_project": "new", "_new_project": "Old"},
    )
    for fields in cases:
        page = ParsedPage(post_form(ada_client, VEO, {"prompt": "A cat", **fields}, is_htmx=True))
        assert page.error_text("_project"), fields
        assert page.control_value("prompt") == "A cat"
    assert not Generation.objects.exists()
    assert Project.objects.count() == 3
    options = list_options(open_create_page(ada_client))
    assert {str(foreign.pk), str(archived.pk)}.isdisjoint(options)


def test_a_shared_project_may_be_chosen_by_everybody(ada_client, eve):
    shared = Project.objects.create(owner=eve, name="House", created_at=NOW, is_shared=True)
    post_form(ada_client, VEO, {"_project": str(shared.pk)})
    assert Generation.objects.get().project == shared
