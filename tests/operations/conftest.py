from pathlib import Path

import pytest


@pytest.fixture
def backup_target(tmp_path) -> Path:
    """Where backups are kept."""
    return tmp_path / "safe"
