"""Lighthouse's scores of create, films and film page, on this machine, for a person with films.

It runs from a folder of its own, installed with npm from `bench/lighthouse/`. Performance is a
reckoning from processor time and the clock (on a phone four times slower, over a slow line): other
load on the machine lowers it, so that the best of several rounds counts.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator

from django.conf import settings

from bench.browser import CHROMIUM_ARGUMENTS, CHROMIUM_PATH
from bench.figures import Figure
from bench.film_library import create_film_library
from bench.instances import InstanceFactory
from bench.measures.paint import FILM_COUNT, list_page_paths
from bench.signed_in_users import SignedInUser
from bench.sizes import BenchSize
from evolink_studio.environment import ROOT

PACKAGE_FOLDER = ROOT / "bench" / "lighthouse"
INSTALL_FOLDER = ROOT / ".venv" / "lighthouse"
PRESET_ARGUMENTS = {"phone": [], "desktop": ["--preset=desktop"]}


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    command = _install()
    with instances.create_instance() as instance:
        with instance.use_database():
            user = create_film_library(instance, FILM_COUNT)
            paths = list_page_paths()
        with instance.run_web():
            for preset in size.lighthouse_presets:
                for name, path in paths.items():
                    url = f"http://127.0.0.1:{instance.port}{path}"
                    arguments = [*command, url, *PRESET_ARGUMENTS[preset]]
                    reports = [_run(arguments, user) for _ in range(size.lighthouse_rounds)]
                    yield from _score_figures(f"Lighthouse, {name} page, {preset}", reports)


def _score_figures(title: str, reports: list[dict[str, float]]) -> Iterator[Figure]:
    """Scores of 0 to 100: performance, and the least of the three that no load changes."""
    performance = max(report["performance"] for report in reports)
    yield Figure(f"{title}: performance", performance, at_least=100)
    others = min(
        score for report in reports for name, score in report.items() if name != "performance"
    )
    yield Figure("  least of accessibility, best practices, SEO", others, at_least=100)


def _install() -> list[str]:
    """The command of the locked Lighthouse. Raises RuntimeError without npm or Chromium."""
    npm = shutil.which("npm")
    if npm is None or not CHROMIUM_PATH.exists():
        raise RuntimeError("npm and Chromium are needed")
    lock = (PACKAGE_FOLDER / "package-lock.json").read_bytes()
    installed_lock = INSTALL_FOLDER / "package-lock.json"
    program = INSTALL_FOLDER / "node_modules" / ".bin" / "lighthouse"
    if not (program.exists() and installed_lock.read_bytes() == lock):
        shutil.copytree(PACKAGE_FOLDER, INSTALL_FOLDER, dirs_exist_ok=True)
        install = [npm, "ci", "--no-audit", "--no-fund", "--silent"]
        if subprocess.run(install, cwd=INSTALL_FOLDER, check=False).returncode:
            raise RuntimeError("npm could not install Lighthouse")
    return [str(program)]


def _run(command: list[str], user: SignedInUser) -> dict[str, float]:
    """The score of each category, 0 to 100. Raises RuntimeError when a page has none."""
    headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={user.session_key}"}
    options = [
        "--quiet",
        "--output=json",
        f"--extra-headers={json.dumps(headers)}",
        f"--chrome-flags={' '.join([*CHROMIUM_ARGUMENTS, '--headless=new'])}",
    ]
    result = subprocess.run(
        [*command, *options],
        env={**os.environ, "CHROME_PATH": str(CHROMIUM_PATH)},
        capture_output=True,
        check=False,
    )
    try:
        categories = json.loads(result.stdout)["categories"]
        return {name: 100 * category["score"] for name, category in categories.items()}
    except (ValueError, LookupError, TypeError) as error:
        raise RuntimeError(f"Lighthouse: {result.stderr.decode()[-500:]}") from error
