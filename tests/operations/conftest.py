from pathlib import Path

import pytest

from tests.factories import UserFactory


@pytest.fixture
def ada(db):
    return UserFactory(username="ada")


@pytest.fixture
def backup_target(tmp_path) -> Path:
    """Where backups are kept."""
    return tmp_path / "safe"
