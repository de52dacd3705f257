"""A picture that was scaled down on arrival says so where it was chosen."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from evolink_studio.library.models import Asset
from tests.factories import VEO, UserFactory
from tests.sample_images import make_image, make_png_bomb

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("content", "shown_text"),
    [
        (make_png_bomb(9000, 6000), "4500 × 3000, scaled down from 9000 × 6000"),
        (make_image("PNG", width=640, height=480), "640 × 480 ·"),
    ],
)
def test_the_form_says_what_the_picture_was(client, content, shown_text):
    owner = UserFactory()
    client.force_login(owner)
    upload = SimpleUploadedFile("photo.png", content, "image/png")
    ref = client.post("/library/upload", {"file": upload}).json()["ref"]
    fields = {"prompt": "A cat", "image_urls": ref}
    page = client.post(f"/create/{VEO}/refresh/", fields, headers={"HX-Request": "true"})
    assert shown_text in page.content.decode()
    asset = Asset.objects.get(owner=owner)
    assert (asset.source_width is not None) == ("scaled" in shown_text)
