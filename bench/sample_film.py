"""A short film, as the provider gives one."""

import subprocess
import sys
from pathlib import Path

from evolink_studio.sandbox.video.storyboard import Storyboard

RENDER_COMMAND = [sys.executable, "-m", "evolink_studio.sandbox.video.render"]


def render_film(path: Path) -> Path:
    """Rendered by the sandbox, once for each path."""
    if not path.exists():
        storyboard = Storyboard(
            str(path), 640, 360, 12, 5, "A film for the bench", "", has_sound=True
        )
        subprocess.run(RENDER_COMMAND, input=storyboard.to_json(), check=True)
    return path
