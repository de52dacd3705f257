"""Makes a film in a process of its own, so that the server keeps answering."""

import asyncio
import os
import sys
from pathlib import Path

from evolink_studio.sandbox.video.storyboard import Storyboard

PATIENCE = 300.0
ROOT = Path(__file__).resolve().parents[3]


class NotMade(Exception):
    """The film could not be made; the message is the last line the process wrote."""


async def render_apart(board: Storyboard) -> None:
    """Raises NotMade. A process that is no longer wanted is killed."""
    process = await _process()
    try:
        async with asyncio.timeout(PATIENCE):
            _, said = await process.communicate(board.dumps())
    except TimeoutError as late:
        raise NotMade(f"not made within {PATIENCE:.0f} s") from late
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        lines = said.decode(errors="replace").strip().splitlines()
        raise NotMade(lines[-1] if lines else f"exit status {process.returncode}")


async def _process() -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "evolink_studio.sandbox.video.render",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            # Nothing else of the environment: a film needs no secrets.
            env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT)},
            # Ctrl+C at the terminal is for the server, which ends its films itself.
            start_new_session=True,
        )
    except OSError as problem:
        raise NotMade(str(problem)) from problem
