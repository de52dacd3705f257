from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from evolink_studio.accounts.models import User
from evolink_studio.library import services
from tests.sample_images import make_image
from tests.sample_videos import make_video

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def media_root(settings):
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
def image_asset(owner):
    """A picture of the owner."""
    return services.add_image(owner=owner, content=make_image(), name="cat.png", now=NOW)


@pytest.fixture
def video_asset(owner, tmp_path):
    """A film made for the owner, of 2 seconds."""
    path = make_video(tmp_path / "clip.mp4", has_audio=True)
    return services.add_result(owner_id=owner.pk, path=path, name="clip-1", now=NOW)


@pytest.fixture
def owner_client(client, owner):
    """The browser of the owner."""
    client.force_login(owner)
    return client


def make_upload(content, name="cat.png", type="image/png"):
    return SimpleUploadedFile(name, content, type)


def list_files(media_root):
    """Every file in the library's folders."""
    return [path for path in media_root.rglob("*") if path.is_file()]


def nothing_needed(names):
    """For a sweep: no unfinished file is waited for."""
    return set()
