"""Deleting says the true reason why not, and offers what works; the history says before → after."""

import re
from decimal import Decimal

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group

from evolink_studio.accounts.models import User
from evolink_studio.core.deletion import MAX_COUNT
from evolink_studio.credits import ledger
from evolink_studio.credits.models import Allowance, RateCard
from evolink_studio.generations.models import Generation
from tests.factories import NOW, VEO, GenerationFactory, UserFactory
from tests.generations.admin.conftest import client_of

USERS_URL, GROUPS_URL = "/admin/accounts/user/", "/admin/auth/group/"
ALLOWANCES_URL = "/admin/credits/allowance/"


def delete(client, url: str, row) -> str:
    """The page after a confirmed deletion."""
    answer = client.post(f"{url}{row.pk}/delete/", {"post": "yes"}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def delete_selected(client, url: str, *rows) -> str:
    data = {"action": "delete_selected", "_selected_action": [r.pk for r in rows], "post": "yes"}
    answer = client.post(url, data, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def spend(person, **allowance_fields) -> Allowance:
    allowance = Allowance.objects.create(credits_limit=100, period="month", **allowance_fields)
    generation = GenerationFactory(owner=person)
    entry = {"generation_id": generation.pk, "user": person, "model_id": VEO}
    ledger.reserve(**entry, amount=Decimal(5), now=NOW)
    return allowance


def test_a_person_with_films_stays_and_can_be_switched_off(owner_client):
    ada, bob = UserFactory(username="ada"), UserFactory(username="bob")
    GenerationFactory.create_batch(3, owner=ada)
    for page in (
        delete(owner_client, USERS_URL, ada),
        delete_selected(owner_client, USERS_URL, ada, bob),
    ):
        assert "Generations: 3" in page
        assert "Switch ada off" in page
        assert f'href="{USERS_URL}{ada.pk}/change/"' in page
        assert "permission" not in page.split("<main")[-1].lower()
    assert User.objects.filter(pk__in=[ada.pk, bob.pk]).count() == 2
    assert "Nothing was deleted" not in delete(owner_client, USERS_URL, bob)
    assert not User.objects.filter(pk=bob.pk).exists()


def test_the_reason_is_counted_and_not_listed(owner_client):
    ada = UserFactory(username="ada")
    rows = [GenerationFactory.build(owner=ada, number=10**6 + n) for n in range(MAX_COUNT + 5)]
    Generation.objects.bulk_create(rows)
    page = delete(owner_client, USERS_URL, ada)
    assert "Generations: more than 1,000" in page
    assert len(page) < 200_000


def test_a_person_who_changed_things_here_stays_for_the_history(owner_client):
    other = UserFactory(owner=True, username="otto")
    client = type(owner_client)()
    client.force_login(other)
    client.post(f"{GROUPS_URL}add/", {"name": "Editors"})
    page = delete(owner_client, USERS_URL, other)
    assert "Changes they made in the admin pages: 1" in page
    assert User.objects.filter(pk=other.pk).exists()


def test_of_many_who_are_selected_the_last_one_is_explained_too(owner_client):
    people = [UserFactory(username=f"a{n:02}") for n in range(25)]
    zoe = UserFactory(username="zoe")
    GenerationFactory(owner=zoe)
    page = delete_selected(owner_client, USERS_URL, *people, zoe)
    assert "Generations: 1" in page
    assert "Switch zoe off" in page


def test_the_history_of_one_of_many_who_are_selected_is_not_deleted_with_them(owner_client):
    people = [UserFactory(username=f"a{n:02}") for n in range(25)]
    zoe = UserFactory(username="zoe", owner=True)
    client_of(zoe).post(f"{GROUPS_URL}add/", {"name": "Editors"})
    page = delete_selected(owner_client, USERS_URL, *people, zoe)
    assert "Changes they made in the admin pages: 1" in page
    assert LogEntry.objects.filter(user=zoe).count() == 1


def test_the_last_owner_is_not_told_to_be_switched_off(owner_client):
    olga = User.objects.get(username="olga")
    GenerationFactory(owner=olga)
    for page in (
        delete(owner_client, USERS_URL, olga),
        delete_selected(owner_client, USERS_URL, olga),
    ):
        assert "Make somebody else an owner first." in page
        assert "Generations: 1" in page
        assert "Switch olga off" not in page
        assert "Take away “Active”" not in page


def test_of_all_owners_together_one_is_to_be_kept(owner_client):
    otto = UserFactory(owner=True, username="otto")
    olga = User.objects.get(username="olga")
    page = delete_selected(owner_client, USERS_URL, otto, olga)
    assert page.count("No owner who can sign in would be left.") == 2
    assert "Switch otto off" in page
    delete(owner_client, USERS_URL, otto)
    assert list(User.objects.filter(is_superuser=True)) == [olga]


def test_a_price_in_force_says_since_when_it_counts(owner_client):
    card = RateCard.objects.order_by("pk")[0]
    page = delete(owner_client, "/admin/credits/ratecard/", card)
    assert re.search(r"<li>It has counted since [^:<]+:\d\d</li>", page)


def test_a_group_whose_allowance_was_spent_from_says_so(owner_client):
    group, ada = Group.objects.create(name="Editors"), UserFactory(username="ada")
    ada.groups.add(group)
    spend(ada, group=group)
    for page in (
        delete(owner_client, GROUPS_URL, group),
        delete_selected(owner_client, GROUPS_URL, group),
    ):
        assert "Purses: 1" in page
        assert "Take its members out" in page
        assert f"{ALLOWANCES_URL}?group__id__exact={group.pk}" in page
    assert Group.objects.filter(pk=group.pk).exists()
    unused = Group.objects.create(name="Nobody")
    delete(owner_client, GROUPS_URL, unused)
    assert not Group.objects.filter(pk=unused.pk).exists()


def test_an_allowance_that_was_spent_from_says_so(owner_client):
    ada = UserFactory(username="ada")
    allowance = spend(ada, user=ada)
    for page in (
        delete(owner_client, ALLOWANCES_URL, allowance),
        delete_selected(owner_client, ALLOWANCES_URL, allowance),
    ):
        assert "Purses: 1" in page
        assert "Switch it off" in page
    assert Allowance.objects.filter(pk=allowance.pk).exists()


def test_whose_an_allowance_is_stays_once_it_was_spent_from(owner_client):
    ada, bob = UserFactory(username="ada"), UserFactory(username="bob")
    allowance = spend(ada, user=ada)
    url = f"{ALLOWANCES_URL}{allowance.pk}/change/"
    data = {"user": bob.pk, "period": "day", "credits_limit": "70.5", "is_active": "on"}
    assert owner_client.post(url, data).status_code == 302
    allowance.refresh_from_db()
    assert (allowance.user, allowance.period, allowance.credits_limit) == (
        ada,
        "month",
        Decimal("70.5"),
    )
    history = owner_client.get(f"{ALLOWANCES_URL}{allowance.pk}/history/").content.decode()
    assert "Credits: 100 → 70.5." in history


def test_the_history_of_a_group_and_of_a_person_says_before_and_after(owner_client):
    group, ada = Group.objects.create(name="Editors"), UserFactory(username="ada", email="a@b.org")
    owner_client.post(f"{GROUPS_URL}{group.pk}/change/", {"name": "Cutters"})
    history = owner_client.get(f"{GROUPS_URL}{group.pk}/history/").content.decode()
    assert "Name: Editors → Cutters." in history
    fields = {"username": "ada", "email": "ada@b.org", "language": "de", "theme": "dark"}
    data = fields | {"groups": [group.pk], "is_active": "on", "date_joined_0": "2026-01-01"}
    answer = owner_client.post(f"{USERS_URL}{ada.pk}/change/", data)
    assert answer.status_code == 302
    history = owner_client.get(f"{USERS_URL}{ada.pk}/history/").content.decode()
    for words in (
        "a@b.org → ada@b.org.",
        "Groups: – → Cutters.",
        "Appearance: As my device → Dark.",
    ):
        assert words in history


def test_the_history_never_names_a_password(owner_client):
    ada = UserFactory(username="ada")
    url = f"{USERS_URL}{ada.pk}/password/"
    new = "correct horse battery"
    owner_client.post(url, {"password1": new, "password2": new})
    history = owner_client.get(f"{USERS_URL}{ada.pk}/history/").content.decode()
    assert new not in history
    assert "assword" in history


def test_an_amount_that_is_edited_in_the_list_says_before_and_after(owner_client):
    allowance = Allowance.objects.create(credits_limit=10, period="day")
    rows = list(Allowance.objects.order_by("user__username", "group__name", "pk"))
    data = {"form-TOTAL_FORMS": len(rows), "form-INITIAL_FORMS": len(rows), "_save": "1"}
    for number, row in enumerate(rows):
        data |= {f"form-{number}-id": row.pk, f"form-{number}-credits_limit": "12.5"}
    owner_client.post(ALLOWANCES_URL, data)
    history = owner_client.get(f"{ALLOWANCES_URL}{allowance.pk}/history/").content.decode()
    assert "Credits: 10 → 12.5." in history
