"""The page on which people say how they want to be told."""

import pytest

from evolink_studio.notifications.models import NotificationSettings
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
URL = "/account/notifications/"
VALUES = {
    "in_browser": "on",
    "webhook_url": "https://hooks.example/studio",
    "quiet_from": "22:00",
    "quiet_until": "07:00",
    "time_zone": "Europe/Berlin",
}


def test_what_a_person_chose_is_stored_and_shown(client):
    person = UserFactory()
    client.force_login(person)
    assert client.post(URL, VALUES).status_code == 302
    row = NotificationSettings.objects.get(owner=person)
    assert (row.in_browser, row.with_sound, row.time_zone) == (True, False, "Europe/Berlin")
    page = client.get(URL).content.decode()
    assert 'value="22:00"' in page
    assert row.webhook_secret.startswith("whsec_")
    assert row.webhook_secret in page


def test_another_secret_replaces_the_old_one(client):
    person = UserFactory()
    client.force_login(person)
    client.post(URL, VALUES)
    before = NotificationSettings.objects.get(owner=person).webhook_secret
    client.post(f"{URL}secret/")
    assert NotificationSettings.objects.get(owner=person).webhook_secret != before


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"webhook_url": "ftp://hooks.example/"}, "Only http and https addresses can be called."),
        ({"webhook_url": "hooks"}, "Enter a valid URL."),
        ({"time_zone": "Berlin"}, "There is no such time zone"),
        ({"quiet_until": ""}, "Quiet hours need a beginning and an end."),
        ({"quiet_from": "25:00"}, "Enter a valid time."),
    ],
)
def test_what_cannot_be_is_told_at_its_field_and_nothing_is_stored(client, changes, error):
    client.force_login(UserFactory())
    page = client.post(URL, VALUES | changes).content.decode()
    assert error in page
    assert "Europe/Berlin" in page or "Berlin" in page
    assert not NotificationSettings.objects.exists()


def test_mail_cannot_be_chosen_without_a_server_or_an_address(client, settings):
    settings.EMAIL_HOST = ""
    client.force_login(UserFactory(email="ada@example.com"))
    assert "no mail server" in client.get(URL).content.decode()
    client.post(URL, VALUES | {"by_mail": "on"})
    assert not NotificationSettings.objects.get().by_mail
    settings.EMAIL_HOST = "mail.example"
    assert "no mail server" not in client.get(URL).content.decode()
    client.force_login(UserFactory(email=""))
    assert "no e-mail address" in client.get(URL).content.decode()


def test_a_device_hears_what_it_may_do_now(client):
    client.force_login(UserFactory())
    assert client.get(f"{URL}device/").json() == {"browser": False, "sound": False}
    client.post(URL, VALUES | {"with_sound": "on", "quiet_from": "00:00", "quiet_until": "00:00"})
    assert client.get(f"{URL}device/").json() == {"browser": True, "sound": True}
