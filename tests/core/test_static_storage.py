"""Collected styles and scripts: ours are minified, those of others stay as they came."""

import json
import re
from pathlib import Path

import brotli
import pytest
import tree_sitter_javascript
from django.core.management import call_command
from tree_sitter import Language, Node, Parser

from evolink_studio.core.static_storage import list_minified_sources, minify_source, read_source
from evolink_studio.settings import STORAGES

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = [path for path in list_minified_sources(ROOT / "static") if path.suffix == ".js"]
COLLECTED_SCRIPTS = [
    ROOT / "static" / name
    for path in SCRIPTS
    for name in re.findall(r'^import "\./([\w.-]+)";$', path.read_text(), re.MULTILINE)
]

STYLE = """/* What a reader needs. */
.card > .title { inline-size: calc(100% - 1rem); color: var(--text, #fff); }
"""
WHOLE_STYLE = """@layer base, card;
@import "page.css";
@layer card { p { margin: 0; } }
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
    texts = {"page.css": STYLE, "whole.css": WHOLE_STYLE, "page.js": SCRIPT}
    for name, text in {**texts, "vendor/old.js": VENDORED}.items():
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


def test_a_style_comes_with_the_one_that_it_imports_as_one_file(read_collected):
    assert read_collected("whole.css").decode() == (
        "@layer base,card;.card>.title{inline-size:calc(100% - 1rem);color:var(--text,#fff)}"
        "@layer card{p{margin:0}}"
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


def list_tokens(script: bytes) -> list[str]:
    """Every word, sign and text of a script, without its comments."""
    root = Parser(Language(tree_sitter_javascript.language())).parse(script).root_node
    assert not root.has_error
    tokens, pending = [], [root]
    while pending:
        node: Node = pending.pop()
        if node.type != "comment":
            tokens += [] if node.children else [node.text.decode()]
            pending += reversed(node.children)
    return tokens


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_minified_script_has_the_tokens_of_its_source(path):
    """A template literal within another loses blanks: write such a text in another way."""
    assert list_tokens(minify_source(path)) == list_tokens(read_source(path).encode())


def test_scripts_that_another_imports_are_one_file_with_names_of_their_own(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.js").write_text(f'const label = "{name}";\nfunction greet() {{}}\n')
    path = tmp_path / "page.js"
    path.write_text('// Both.\nimport "./one.js";\nimport "./two.js";\n')
    script = minify_source(path)
    assert b"import" not in script
    names = [token for token in list_tokens(script) if token in {"one", "two", "{"}]
    assert names == ["{", "one", "{", "{", "two", "{"]


@pytest.mark.parametrize("path", COLLECTED_SCRIPTS, ids=lambda path: path.name)
def test_a_script_that_is_collected_into_another_exports_nothing(path):
    assert not re.search(r"^(export|import) ", path.read_text(), re.MULTILINE)


def test_a_blank_that_is_lost_in_a_text_would_be_seen():
    assert list_tokens(b"say(`${a ? ` / ${a}` : 1}`)") != list_tokens(b"say(`${a ? `/${a}` : 1}`)")


@pytest.mark.parametrize("name", ["is", "not", "where", "has"])
def test_a_pseudo_class_of_what_is_inside_stays_one(tmp_path, name):
    path = tmp_path / "page.css"
    path.write_text(f"@layer x {{ .a {{ b: c; }} .a :{name}(i, b) {{ b: c; }} }}")
    assert f".a *:{name}(i,b)" in minify_source(path).decode()
