"""Filters of the films page are kept under a name, opened by it, renamed and deleted."""

import pytest

from evolink_studio.films import saved_views
from evolink_studio.films.models import SavedView
from tests.factories import NOW
from tests.form_pages import ParsedPage

pytestmark = pytest.mark.django_db


def save(client, name="Best", query="starred=1&q=fox"):
    return client.post("/films/views/", {"name": name, "query": query}, follow=True)


def test_a_view_is_saved_opened_renamed_and_deleted(ada_client, ada):
    page = ParsedPage(save(ada_client))
    (link,) = page.find_all("li[@class='saved-view']/a")
    assert link.get("href") == "/films/?q=fox&starred=1"
    view = SavedView.objects.get(owner=ada)
    page = ParsedPage(
        ada_client.post(f"/films/views/{view.pk}/rename/", {"name": "Foxes"}, follow=True)
    )
    assert "Foxes" in page.text
    response = ada_client.post(f"/films/views/{view.pk}/delete/", follow=True)
    assert response.redirect_chain == [("/films/?q=fox&starred=1", 302)]
    assert not SavedView.objects.exists()


def test_a_view_of_the_same_name_is_replaced_and_keeps_only_what_is_a_filter(ada_client):
    save(ada_client)
    save(ada_client, query="ratio=16:9&before=x&<script>=1&starred=no")
    assert SavedView.objects.get().query == "ratio=16%3A9"


@pytest.mark.parametrize("name", ["", " ", "x" * 81])
def test_a_view_without_a_proper_name_is_not_saved_and_says_so(ada_client, name):
    response = save(ada_client, name=name)
    assert "Nothing was saved" in ParsedPage(response).text
    assert response.redirect_chain == [("/films/?starred=1&q=fox", 302)]
    assert not SavedView.objects.exists()


def test_what_cannot_be_kept_is_said_and_nothing_changes(ada_client, monkeypatch):
    save(ada_client, name="First")
    save(ada_client, name="Second")
    view = SavedView.objects.get(name="Second")
    address = f"/films/views/{view.pk}/rename/"
    page = ParsedPage(ada_client.post(address, {"name": "First"}, follow=True))
    assert "another saved view has it" in page.text
    too_many = "&".join(f"model={'m' * 150}{number}" for number in range(20))
    assert "too many filters" in ParsedPage(save(ada_client, "Long", too_many)).text
    monkeypatch.setattr(saved_views, "MAX_SAVED_VIEWS", 2)
    assert "delete one" in ParsedPage(save(ada_client, name="Third")).text
    assert set(SavedView.objects.values_list("name", flat=True)) == {"First", "Second"}


def test_others_do_not_see_a_view(ada_client, eve):
    SavedView.objects.create(owner=eve, name="Secret", query="", created_at=NOW)
    assert "Secret" not in ParsedPage(ada_client.get("/films/")).text
