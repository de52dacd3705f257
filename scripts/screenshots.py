"""Make the README's picture from a running studio: `make screenshots`. Needs Chromium."""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = "/usr/bin/chromium"
PORT = "8790"
LINK_PATTERN = re.compile(r"http://\S+/welcome/\S+")
FILMS = (
    ("grok-imagine-text-to-video", "A cat plays the piano in a smoky jazz club"),
    ("doubao-seedance-1.0-pro-fast", "A narrow street at dawn after rain, low camera"),
    ("veo3.1-pro", "A lighthouse in a storm, waves against the rocks, seen from a drone"),
)


def main() -> None:
    """Start a studio with the sandbox, make three films, take a picture of the page."""
    with tempfile.TemporaryDirectory() as data:
        env = {**os.environ, "STUDIO_DATA": data, "PORT": PORT, "EVOLINK_API_KEY": ""}
        command = [sys.executable, str(ROOT / "manage.py"), "studio"]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as studio:
            try:
                _take_screenshot(_read_sign_in_link(studio))
            finally:
                studio.terminate()


def _read_sign_in_link(studio: "subprocess.Popen[str]") -> str:
    assert studio.stdout is not None
    for line in studio.stdout:
        if match := LINK_PATTERN.search(line):
            return match.group()
    raise SystemExit("the studio did not start")


def _take_screenshot(link: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        _open_page(page, link)
        page.click("main button[type=submit]")
        page.wait_for_url("**/create/**")
        for model, prompt in FILMS:
            page.goto(f"http://127.0.0.1:{PORT}/create/{model}/")
            page.fill("[name=prompt]", prompt)
            page.click("[data-action=generate]")
            page.wait_for_selector("#stage [data-status=running]")
            page.wait_for_timeout(1000)
        page.wait_for_selector("#stage [data-status=completed] video", timeout=90_000)
        page.wait_for_timeout(1500)
        page.screenshot(path=ROOT / "docs" / "studio.png")
        browser.close()


def _open_page(page: Page, link: str) -> None:
    for _ in range(100):
        try:
            page.goto(link)
            return
        except Exception:
            time.sleep(0.2)
    raise SystemExit("the studio does not answer")


if __name__ == "__main__":
    main()
