"""The studio's files cannot be reached: it is said at the field, and what was typed is kept."""

import errno

import pytest

from evolink_studio.generations.models import Generation
from evolink_studio.library.exceptions import StorageUnavailable
from evolink_studio.library.models import Asset
from tests.factories import VEO, AssetFactory
from tests.form_pages import ParsedPage
from tests.generations.form_client import HTMX_HEADERS, make_numbered_image, post_form

pytestmark = pytest.mark.django_db

STORAGE_ERRORS = {
    "a store that does not answer": StorageUnavailable(),
    "a disk that only reads": OSError(errno.EROFS, "Read-only file system"),
    "a disk with errors": OSError(errno.EIO, "Input/output error"),
}


@pytest.fixture(params=STORAGE_ERRORS.values(), ids=STORAGE_ERRORS)
def broken_storage(request, monkeypatch):
    """Nothing can be put into the library."""

    def fail(*_, **__):
        raise request.param

    monkeypatch.setattr("evolink_studio.library.storage._move_into_place", fail)


@pytest.mark.usefixtures("broken_storage")
@pytest.mark.parametrize("htmx", [False, True], ids=["plain", "htmx"])
def test_a_press_with_a_picture_says_it_at_the_field_and_keeps_the_rest(ada_client, htmx):
    fields = {"prompt": "A cat on the moon", "quality": "1080p"}
    response = post_form(ada_client, VEO, fields, is_htmx=htmx, image_urls=make_numbered_image(1))
    page = ParsedPage(response)
    assert response.status_code == 200
    assert "cannot be reached" in page.error_text("image_urls")
    assert "Nothing was sent or charged" in page.error_text("image_urls")
    assert (page.control_value("prompt"), page.control_value("quality")) == (
        "A cat on the moon",
        "1080p",
    )
    assert not Generation.objects.exists()
    assert not Asset.objects.exists()


@pytest.mark.usefixtures("broken_storage")
def test_a_picture_given_by_script_is_answered_in_words(ada_client):
    response = ada_client.post(
        "/library/upload", {"file": make_numbered_image(1)}, headers=HTMX_HEADERS
    )
    assert response.status_code == 503
    assert "cannot be reached" in response.json()["error"]


def test_adjusting_a_picture_that_cannot_be_read_is_answered_in_words(ada_client, ada, monkeypatch):
    def fail(*_):
        raise StorageUnavailable()

    picture = AssetFactory(owner=ada)
    monkeypatch.setattr("evolink_studio.library.storage.read_content", fail)
    response = ada_client.post(f"/library/{picture.pk}/edit", {"action": "jpeg"})
    assert response.status_code == 503
    assert "cannot be reached" in response.json()["error"]


def test_when_it_is_back_the_same_press_goes_through(ada_client, monkeypatch):
    def fail(*_, **__):
        raise StorageUnavailable()

    with monkeypatch.context() as now:
        now.setattr("evolink_studio.library.storage._move_into_place", fail)
        post_form(ada_client, VEO, image_urls=make_numbered_image(1))
    assert post_form(ada_client, VEO, image_urls=make_numbered_image(1)).status_code == 302
    assert Generation.objects.get().inputs.count() == 1
