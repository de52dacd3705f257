"""An environment of the peers' own, installed once for each content of their requirements."""

import hashlib
import subprocess
import sys
from pathlib import Path

from evolink_studio.environment import ROOT

FOLDER = Path(__file__).parent
REQUIREMENTS = FOLDER / "requirements.txt"
INSTALL_TIMEOUT_SECONDS = 900


class NotInstalled(Exception):
    """They cannot be installed here. The message says why."""


def get_python() -> Path:
    """The interpreter that has them, below `var/`; it may not be there yet."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    return ROOT / "var" / "bench-peers" / digest / "bin" / "python"


def install() -> Path:
    """Install them unless they are. Raises NotInstalled."""
    python = get_python()
    installed_mark = python.parents[1] / "installed"
    if installed_mark.exists():
        return python
    install_command = [str(python), "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)]
    for command in ([sys.executable, "-m", "venv", str(python.parents[1])], install_command):
        try:
            subprocess.run(
                command, check=True, capture_output=True, timeout=INSTALL_TIMEOUT_SECONDS
            )
        except (OSError, subprocess.SubprocessError) as error:
            output = getattr(error, "stderr", None) or b""
            last_line = output.decode(errors="replace").strip().rpartition("\n")[2]
            raise NotInstalled(last_line or type(error).__name__) from error
    installed_mark.touch()
    return python
