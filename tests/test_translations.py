"""German is complete, and what is compiled is what was written."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest

ROOT = Path(__file__).resolve().parent.parent
PO_PATH = ROOT / "evolink_studio" / "locale" / "de" / "LC_MESSAGES" / "django.po"
PLACEHOLDER_PATTERN = re.compile(r"\{[a-z_]*\}|%\([a-z_]+\)[sd]")


def load_catalogue() -> polib.POFile:
    return polib.pofile(str(PO_PATH))


def msgid_pairs(entry: polib.POEntry) -> list[tuple[str, str]]:
    if not entry.msgid_plural:
        return [(entry.msgid, entry.msgstr)]
    return [(entry.msgid_plural, text) for text in entry.msgstr_plural.values()]


def test_every_text_has_its_german():
    missing = [entry.msgid for entry in load_catalogue() if not entry.translated()]
    assert missing == []


def test_a_translation_has_the_same_places_as_its_original():
    mistakes = [
        original
        for entry in load_catalogue()
        for original, german in msgid_pairs(entry)
        if not set(PLACEHOLDER_PATTERN.findall(german))
        <= set(PLACEHOLDER_PATTERN.findall(original))
        or (
            ("{" in original and not entry.msgid_plural)
            and sorted(PLACEHOLDER_PATTERN.findall(german))
            != sorted(PLACEHOLDER_PATTERN.findall(original))
        )
    ]
    assert mistakes == []


def test_the_compiled_file_is_that_of_the_texts():
    compiled = {
        e.msgid: (e.msgstr, e.msgstr_plural) for e in polib.mofile(str(PO_PATH.with_suffix(".mo")))
    }
    messages = {e.msgid: (e.msgstr, e.msgstr_plural) for e in load_catalogue()}
    assert compiled == messages


def test_every_text_of_the_sources_is_in_the_file(tmp_path):
    if shutil.which("xgettext") is None:
        if os.environ.get("CI"):
            pytest.fail("gettext is missing: apt-get install gettext")
        pytest.skip("gettext is missing, so the sources cannot be compared with the German file")
    for name in ("evolink_studio", "templates", "scripts", "static"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.pyc"))
    code = "import runpy; runpy.run_path('scripts/messages.py')['collect_messages']()"
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "evolink_studio.settings"}
    command = [sys.executable, "-c", code]
    subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True)
    collected = polib.pofile(str(tmp_path / PO_PATH.relative_to(ROOT)))
    assert {entry.msgid for entry in collected} == {entry.msgid for entry in load_catalogue()}
