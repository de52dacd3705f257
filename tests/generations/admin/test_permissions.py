"""Who may look, and that nobody can rewrite what happened."""

import pytest
from django.contrib.auth.models import Group

from evolink_studio.credits.models import Allowance
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from tests.factories import GenerationFactory
from tests.generations.admin.conftest import (
    GENERATIONS_URL,
    USAGE_URL,
    create_completed_generation,
    generation_url,
)

ADMIN_URLS = [
    "/admin/",
    GENERATIONS_URL,
    USAGE_URL,
    f"{USAGE_URL}?as=csv",
    "/admin/accounts/user/",
    "/admin/credits/ratecard/",
]


@pytest.mark.parametrize("path", ADMIN_URLS)
def test_staff_may_read(staff_client, path):
    assert staff_client.get(path).status_code == 200


def test_staff_may_follow_the_link_to_the_group_of_an_allowance(staff_client):
    group = Group.objects.create(name="Editors")
    allowance = Allowance.objects.create(group=group, period="day")
    group_url = f"/admin/auth/group/{group.pk}/change/"
    page = staff_client.get(f"/admin/credits/allowance/{allowance.pk}/change/").content.decode()
    assert f'href="{group_url}"' in page
    assert staff_client.get(group_url).status_code == 200
    assert staff_client.post(group_url, {"name": "Mine"}).status_code == 403
    group.refresh_from_db()
    assert group.name == "Editors"


@pytest.mark.parametrize("path", ADMIN_URLS)
def test_a_person_who_is_not_staff_is_refused(user_client, path):
    answer = user_client.get(path, follow=True)
    assert answer.status_code == 403


def test_a_generation_is_refused_to_its_own_maker_in_the_admin_pages(user_client):
    generation = GenerationFactory()
    assert user_client.get(generation_url(generation), follow=True).status_code == 403


def test_a_stranger_is_sent_to_the_studios_own_sign_in_page(client, db):
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == "/account/login/?next=%2Fadmin%2F"
    assert "account/login.html" in [template.name for template in answer.templates]


def test_after_signing_in_a_member_of_staff_stands_where_they_wanted_to_go(client, staff_client):
    answer = client.post(
        "/account/login/", {"login": "sam", "password": "secret", "next": GENERATIONS_URL}
    )
    assert answer.status_code == 302
    assert answer.url == GENERATIONS_URL


@pytest.mark.parametrize("role", ["staff_client", "owner_client"])
def test_a_generation_cannot_be_added_changed_or_removed(request, role):
    browser = request.getfixturevalue(role)
    generation = GenerationFactory(state=State.FAILED)
    before = Generation.objects.values().get(pk=generation.pk)
    assert browser.get(f"{GENERATIONS_URL}add/").status_code == 403
    assert browser.post(f"{GENERATIONS_URL}add/", {"prompt": "x"}).status_code == 403
    values = {"prompt": "other", "state": "completed", "used": "0", "owner": "1"}
    assert browser.post(generation_url(generation), values).status_code == 403
    assert (
        browser.post(f"{GENERATIONS_URL}{generation.pk}/delete/", {"post": "yes"}).status_code
        == 403
    )
    assert Generation.objects.values().get(pk=generation.pk) == before


def test_removing_by_an_action_is_not_offered_and_does_nothing(owner_client):
    generation = GenerationFactory()
    form_data = {"action": "delete_selected", "_selected_action": generation.pk, "post": "yes"}
    owner_client.post(GENERATIONS_URL, form_data)
    assert Generation.objects.filter(pk=generation.pk).exists()
    assert "delete_selected" not in owner_client.get(GENERATIONS_URL).content.decode()


def test_the_page_of_a_generation_has_no_field_to_type_into(owner_client):
    page = owner_client.get(generation_url(create_completed_generation())).content.decode()
    form = page[page.index('id="generation_form"') :]
    assert "<textarea" not in form
    assert 'type="text"' not in form[: form.index("</form>")]


def test_prices_can_be_changed_by_the_owner_only(staff_client, owner_client):
    assert staff_client.get("/admin/credits/ratecard/add/").status_code == 403
    assert owner_client.get("/admin/credits/ratecard/add/").status_code == 200
