"""The studio's files cannot be reached: it is said at the field, and what was typed is kept."""

import errno

import pytest

from evolink_studio.generations.models import Generation
from evolink_studio.library.models import Asset
from evolink_studio.library.s3_storage import StorageUnavailableError
from tests.factories import VEO, AssetFactory
from tests.generations.pressing import HTMX, numbered, press
from tests.page import Page

pytestmark = pytest.mark.django_db

TROUBLES = {
    "a store that does not answer": StorageUnavailableError("The store did not answer"),
    "a disk that only reads": OSError(errno.EROFS, "Read-only file system"),
    "a disk with errors": OSError(errno.EIO, "Input/output error"),
}


@pytest.fixture(params=TROUBLES.values(), ids=TROUBLES)
def away(request, monkeypatch):
    """Nothing can be put into the library."""

    def fail(*_, **__):
        raise request.param

    monkeypatch.setattr("evolink_studio.library.storage._move_into_place", fail)


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize("htmx", [False, True], ids=["plain", "htmx"])
def test_a_press_with_a_picture_says_it_at_the_field_and_keeps_the_rest(tab, htmx):
    typed = {"prompt": "A cat on the moon", "quality": "1080p"}
    response = press(tab, VEO, typed, htmx=htmx, image_urls=numbered(1))
    page = Page(response)
    assert response.status_code == 200
    assert "cannot be reached" in page.error("image_urls")
    assert "Nothing was sent or charged" in page.error("image_urls")
    assert (page.value("prompt"), page.value("quality")) == ("A cat on the moon", "1080p")
    assert not Generation.objects.exists()
    assert not Asset.objects.exists()


@pytest.mark.usefixtures("away")
def test_a_picture_given_by_script_is_answered_in_words(tab):
    response = tab.post("/library/upload", {"file": numbered(1)}, headers=HTMX)
    assert response.status_code == 503
    assert "cannot be reached" in response.json()["error"]


def test_adjusting_a_picture_that_cannot_be_read_is_answered_in_words(tab, ada, monkeypatch):
    def fail(*_):
        raise StorageUnavailableError("The store did not answer")

    picture = AssetFactory(owner=ada)
    monkeypatch.setattr("evolink_studio.library.storage.read_content", fail)
    response = tab.post(f"/library/{picture.pk}/edit", {"action": "jpeg"})
    assert response.status_code == 503
    assert "cannot be reached" in response.json()["error"]


def test_when_it_is_back_the_same_press_goes_through(tab, monkeypatch):
    def fail(*_, **__):
        raise StorageUnavailableError("The store did not answer")

    with monkeypatch.context() as now:
        now.setattr("evolink_studio.library.storage._move_into_place", fail)
        press(tab, VEO, image_urls=numbered(1))
    assert press(tab, VEO, image_urls=numbered(1)).status_code == 302
    assert Generation.objects.get().inputs.count() == 1
