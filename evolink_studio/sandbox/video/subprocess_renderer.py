"""Renders a film in a process of its own, so that the server keeps answering."""

import asyncio
import os
import sys
from pathlib import Path

from evolink_studio.sandbox.video.storyboard import Storyboard

RENDER_TIMEOUT_SECONDS = 300.0
PROJECT_ROOT = Path(__file__).resolve().parents[3]


class RenderError(Exception):
    """The film could not be rendered; the message is the last line the process wrote."""


async def render_in_subprocess(storyboard: Storyboard) -> None:
    """Raises RenderError. Kills the process on timeout or cancellation."""
    process = await _start_process()
    try:
        async with asyncio.timeout(RENDER_TIMEOUT_SECONDS):
            _, error_output = await process.communicate(storyboard.to_json())
    except TimeoutError as error:
        raise RenderError(f"not made within {RENDER_TIMEOUT_SECONDS:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        lines = error_output.decode(errors="replace").strip().splitlines()
        raise RenderError(lines[-1] if lines else f"exit status {process.returncode}")


async def _start_process() -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "evolink_studio.sandbox.video.render",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            # Nothing else of the environment: it needs no secrets.
            env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(PROJECT_ROOT)},
            # Ctrl+C at the terminal must only reach the server, which ends its renders itself.
            start_new_session=True,
        )
    except OSError as error:
        raise RenderError(str(error)) from error
