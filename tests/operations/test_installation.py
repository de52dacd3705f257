"""The installed studio: its manifest, and files that other apps share with it."""

from io import BytesIO

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from evolink_studio.library.models import Asset
from tests.factories import UserFactory
from tests.sample_images import make_image

pytestmark = pytest.mark.django_db


def share_file(client: Client, sender: str):
    file = BytesIO(make_image())
    file.name = "cat.png"
    headers = {"Sec-Fetch-Site": sender} if sender else {}
    return client.post(reverse("shared_files"), {"file": file}, headers=headers)


def test_the_manifest_names_icons_that_are_there(client):
    manifest = client.get(reverse("manifest")).json()
    assert manifest["display"] == "standalone"
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        assert finders.find(icon["src"].removeprefix("/static/"))


def test_a_picture_that_is_shared_to_the_studio_is_in_the_library():
    person = UserFactory()
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    assert share_file(client, "none").url == reverse("pictures")
    assert Asset.objects.get().owner == person


@pytest.mark.parametrize("sender", ["cross-site", "same-site", ""])
def test_another_site_puts_nothing_into_anybodys_library(sender):
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory())
    assert share_file(client, sender).status_code == 403
    assert not Asset.objects.exists()
