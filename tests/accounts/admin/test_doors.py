"""Sign-in links and the security log in the admin pages."""

import re

import pytest
import time_machine
from django.test import Client

from evolink_studio.accounts.models import SecurityEvent, SignInLink, User
from evolink_studio.accounts.services import create_first_owner_link, create_sign_in_link
from tests.accounts.admin.conftest import LINKS_URL, LOG_URL, USERS_URL, client_of
from tests.factories import NOW, UserFactory
from tests.form_pages import ParsedPage

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _frozen_clock():
    with time_machine.travel(NOW, tick=False):
        yield


def read_links(client: Client, query: str = "") -> list[dict[str, str]]:
    """What the list says, by column."""
    page = client.get(f"{LINKS_URL}{query}").content.decode()
    rows = re.findall(r"<tr[^>]*>((?:(?!</tr>).)*field-user.*?)</tr>", page, re.S)
    found = [re.findall(r'field-(\w+)[^"]*"[^>]*>(.*?)</td>', row, re.S) for row in rows]
    return [
        {name: " ".join(re.sub(r"<[^>]+>", " ", cell).split()) for name, cell in cells}
        for cells in found
    ]


def test_the_list_says_for_whom_by_whom_and_until_when(olga, owner_client):
    ada, ben = UserFactory(username="ada"), UserFactory(username="ben")
    create_sign_in_link(user=ben, now=NOW)
    owner_client.post(USERS_URL, {"action": "make_sign_in_link", "_selected_action": [ada.pk]})
    first, second = read_links(owner_client)
    assert (first["user"], first["maker"], first["state_badge"]) == ("ada", "olga", "open")
    assert (second["user"], second["maker"]) == ("ben", "the start of the studio")
    assert (first["revoke_button"], first["used_at"]) == ("Revoke", "–")


def test_one_press_ends_a_link(owner_client):
    ada = UserFactory(username="ada")
    token = create_sign_in_link(user=ada, now=NOW)
    link = SignInLink.objects.get()
    page = owner_client.get(f"{USERS_URL}{ada.pk}/change/").content.decode()
    revoke_url = f"{LINKS_URL}{link.pk}/revoke/"
    assert revoke_url in page
    assert revoke_url in owner_client.get(LINKS_URL).content.decode()
    assert owner_client.get(revoke_url).status_code == 403
    assert (
        owner_client.post(revoke_url, {"person": "1"})["Location"] == f"{USERS_URL}{ada.pk}/change/"
    )
    assert Client().post(f"/account/welcome/{token}/").status_code == 410
    assert revoke_url not in owner_client.get(f"{USERS_URL}{ada.pk}/change/").content.decode()
    assert owner_client.post(revoke_url)["Location"] == LINKS_URL
    kinds = SecurityEvent.objects.filter(user=ada).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["link_made", "link_revoked", "link_refused"]


def test_several_are_ended_at_once_and_the_list_tells_open_ones_from_others(owner_client):
    users = [UserFactory() for _ in range(3)]
    for user in users:
        create_sign_in_link(user=user, now=NOW)
    ids = list(SignInLink.objects.filter(user__in=users[:2]).values_list("pk", flat=True))
    owner_client.post(LINKS_URL, {"action": "revoke", "_selected_action": ids})
    assert [row["user"] for row in read_links(owner_client, "?open=yes")] == [users[2].username]
    assert len(read_links(owner_client, "?open=no")) == 2
    answer = owner_client.post(
        LINKS_URL, {"action": "revoke", "_selected_action": ids}, follow=True
    )
    assert "no such link is open" in ParsedPage(answer).text


def test_links_cannot_be_made_changed_or_deleted_there_and_show_no_secret(owner_client):
    token = create_sign_in_link(user=UserFactory(), now=NOW)
    link = SignInLink.objects.get()
    paths = ("add/", f"{link.pk}/change/", f"{link.pk}/delete/")
    assert [owner_client.post(f"{LINKS_URL}{path}").status_code for path in paths] == [403] * 3
    for path in ("", f"{link.pk}/change/"):
        page = owner_client.get(f"{LINKS_URL}{path}").content.decode()
        assert token not in page
        assert link.token_hash not in page


def test_a_person_is_deleted_with_their_links_and_without_their_events(owner_client):
    ada = UserFactory(username="ada")
    create_sign_in_link(user=ada, now=NOW)
    answer = owner_client.post(f"{USERS_URL}{ada.pk}/delete/", {"post": "yes"})
    assert answer.status_code == 302
    assert not SignInLink.objects.exists()
    assert SecurityEvent.objects.filter(username="ada").exists()


def test_a_page_that_made_a_link_made_it_for_one_open_at_a_time(olga, owner_client):
    ada = UserFactory(username="ada")
    for _ in range(3):
        owner_client.post(USERS_URL, {"action": "make_sign_in_link", "_selected_action": [ada.pk]})
    assert SignInLink.objects.open(NOW).count() == 1
    assert {link.created_by for link in SignInLink.objects.all()} == {olga}


# --- the security log -------------------------------------------------------------------------


def test_the_owner_reads_the_log_and_nobody_rewrites_it(owner_client):
    ada = UserFactory(username="ada")
    client_of(ada)
    Client(REMOTE_ADDR="203.0.113.7").post("/account/login/", {"login": "ada", "password": "x"})
    text = ParsedPage(owner_client.get(f"{LOG_URL}?user__id__exact={ada.pk}")).text
    assert "refused: wrong password" in text
    assert "203.0.113.7" in text
    event = SecurityEvent.objects.first()
    paths = ("add/", f"{event.pk}/change/", f"{event.pk}/delete/")
    assert [owner_client.post(f"{LOG_URL}{path}").status_code for path in paths] == [403] * 3
    form = {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"}
    owner_client.post(LOG_URL, form)
    assert SecurityEvent.objects.filter(pk=event.pk).exists()
    assert (
        f"{LOG_URL}?user__id__exact={ada.pk}"
        in owner_client.get(f"{USERS_URL}{ada.pk}/change/").content.decode()
    )


def test_where_people_were_is_not_for_all_staff(staff_client):
    assert client_of(UserFactory(staff=True)).get(LOG_URL).status_code == 403
    assert staff_client.get(LOG_URL).status_code == 200


def test_a_hundred_events_take_as_many_queries_as_one(owner_client, django_assert_max_num_queries):
    def count() -> int:
        with django_assert_max_num_queries(20) as queries:
            assert owner_client.get(LOG_URL).status_code == 200
        return len(queries)

    client_of(UserFactory())
    one_count = count()
    for _ in range(30):
        client_of(UserFactory())
    assert count() == one_count


def test_the_link_of_the_start_is_for_an_owner_who_can_sign_in():
    UserFactory(owner=True, is_active=False)
    owner = UserFactory(owner=True)
    User.objects.update(password="!")  # none that anybody could type
    assert create_first_owner_link(now=NOW) is not None
    assert SignInLink.objects.get().user == owner
