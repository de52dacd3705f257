"""Collected styles and scripts: ours are minified, those of others stay as they came."""

import json
from pathlib import Path

import brotli
import pytest
from django.core.management import call_command

from evolink_studio.settings import STORAGES

STYLE = """/* What a reader needs. */
.card > .title { inline-size: calc(100% - 1rem); color: var(--text, #fff); }
"""
SCRIPT = """// @ts-check
/** Says it. @param {string} name */
const greet = (name) => `Good  day, // ${name}`;
greet("you");
"""
VENDORED = "/* Its licence goes along. */\nfunction  old() { return 1 }\n"


@pytest.fixture
def read_collected(settings, tmp_path: Path):
    """The content that is collected for a source, by its name; without compression, or with."""
    source, target = tmp_path / "static", tmp_path / "collected"
    (source / "vendor").mkdir(parents=True)
    for name, text in (("page.css", STYLE), ("page.js", SCRIPT), ("vendor/old.js", VENDORED)):
        (source / name).write_text(text)
    settings.STATICFILES_DIRS, settings.STATIC_ROOT = [source], target
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STORAGES = STORAGES

    def read(name: str, *, suffix: str = "") -> bytes:
        hashed_name = json.loads((target / "staticfiles.json").read_text())["paths"][name]
        return (target / f"{hashed_name}{suffix}").read_bytes()

    call_command("collectstatic", interactive=False, verbosity=0)
    return read


def test_our_styles_and_scripts_lose_comments_and_blanks_only(read_collected):
    assert read_collected("page.css").decode() == (
        ".card>.title{inline-size:calc(100% - 1rem);color:var(--text,#fff)}"
    )
    assert read_collected("page.js").decode() == (
        'const greet=(name)=>`Good  day, // ${name}`;greet("you");'
    )


def test_what_others_wrote_stays_as_it_came(read_collected):
    assert read_collected("vendor/old.js").decode() == VENDORED


def test_what_is_sent_compressed_is_the_minified_content(settings, tmp_path, read_collected):
    (tmp_path / "static" / "page.css").write_text(STYLE * 20)
    call_command("collectstatic", interactive=False, verbosity=0)
    compressed = read_collected("page.css", suffix=".br")
    assert brotli.decompress(compressed) == read_collected("page.css")


def test_a_changed_source_gets_another_name(tmp_path, read_collected):
    before = read_collected("page.js")
    (tmp_path / "static" / "page.js").write_text(SCRIPT.replace("you", "them"))
    call_command("collectstatic", interactive=False, verbosity=0)
    assert before != read_collected("page.js")
    assert b'greet("them")' in read_collected("page.js")
