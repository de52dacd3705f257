from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from evolink_studio.accounts.models import User
from evolink_studio.library import services
from tests.library.footage import film
from tests.pictures import picture

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def media(settings):
    """Where the files of this test lie."""
    return Path(settings.MEDIA_ROOT)


@pytest.fixture
def owner(db):
    return User.objects.create_user("ada")


@pytest.fixture
def stranger(db):
    return User.objects.create_user("eve")


@pytest.fixture
def staff(db):
    return User.objects.create_superuser("root")


@pytest.fixture
def cat(owner):
    """A picture of the owner."""
    return services.add_image(owner=owner, content=picture(), name="cat.png", now=NOW)


@pytest.fixture
def clip(owner, tmp_path):
    """A film made for the owner, of 2 seconds."""
    path = film(tmp_path / "clip.mp4", sound=True)
    return services.add_result(owner_id=owner.pk, path=path, name="clip-1", now=NOW)


@pytest.fixture
def owned(client, owner):
    """The browser of the owner."""
    client.force_login(owner)
    return client


def upload_of(content, name="cat.png", type="image/png"):
    return SimpleUploadedFile(name, content, type)


def kept_files(media):
    """Every file in the library's folders."""
    return [path for path in media.rglob("*") if path.is_file()]


def nobody(names):
    """For a sweep: no unfinished file is waited for."""
    return set()
