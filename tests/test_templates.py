"""Templates and static files: no inline code, plain addresses under htmx, small, and complete."""

import gzip
import hashlib
import re
from collections import Counter
from pathlib import Path

import pytest

from evolink_studio.catalog import SPECS
from evolink_studio.generations.states import State

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES, STATIC = ROOT / "templates", ROOT / "static"
FILES = {str(path.relative_to(TEMPLATES)): path for path in sorted(TEMPLATES.rglob("*.html"))}
MODULES = sorted(STATIC.glob("*.js"))

INLINE = re.compile(
    r"<style\b|\sstyle\s*=|\son[a-z]+\s*=|<script\b(?![^>]*\ssrc=)|javascript:", re.IGNORECASE
)
# What htmx would have to evaluate, which `allowEval: false` and the content policy forbid.
EVALUATED = re.compile(r"hx-on\b|hx-vars|\bjs:|morph:\{|hx-trigger=\"[^\"]*\[")
INCLUDE = re.compile(r'{%\s*include\s+"([^"]+)"[^%]*%}')
TEMPLATE_TAG = re.compile(r"{%.*?%}|{#.*?#}")
ASKING = re.compile(r"<(\w+)([^<>]*\shx-(?:get|post)=[^<>]*)>")
# A button without an address only exists where scripts run; anything else listens, not clicks.
PLAIN = {"a": ("href=",), "form": ("action=",), "button": ("formaction=", 'type="button"')}

text_of = {name: path.read_text(encoding="utf-8") for name, path in FILES.items()}


def whole(name: str) -> str:
    """A template with everything it includes."""
    return INCLUDE.sub(lambda found: whole(found[1]), text_of[name])


def weight(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), compresslevel=9))


@pytest.mark.parametrize("name", FILES)
def test_a_template_has_no_inline_script_style_or_handler(name):
    assert INLINE.findall(text_of[name]) == []


@pytest.mark.parametrize("name", FILES)
def test_a_template_gives_htmx_nothing_to_evaluate(name):
    assert EVALUATED.findall(text_of[name]) == []


@pytest.mark.parametrize("name", [name for name in FILES if Path(name).name.startswith("_")])
def test_a_fragment_extends_nothing(name):
    assert "{% extends" not in text_of[name]


@pytest.mark.parametrize(
    "name",
    [name for name, text in text_of.items() if 'extends "base.html"' in text or "<html" in text],
)
def test_a_page_has_exactly_one_main_heading(name):
    assert whole(name).count("<h1") == (0 if name == "base.html" else 1)


@pytest.mark.parametrize("name", FILES)
def test_what_htmx_asks_for_has_a_plain_address_too(name):
    asking = ASKING.findall(TEMPLATE_TAG.sub("", text_of[name]))
    bare = [
        f"<{tag}{rest}>"
        for tag, rest in asking
        if not any(plain in rest for plain in PLAIN.get(tag, ("hx-trigger=",)))
    ]
    assert bare == []


def test_every_include_exists():
    assert {name for text in text_of.values() for name in INCLUDE.findall(text)} <= FILES.keys()


def test_every_icon_is_in_the_sprite_once():
    symbols = Counter(re.findall(r'<symbol id="([^"]*)"', (STATIC / "icons.svg").read_text()))
    used = {
        name
        for text in text_of.values()
        for name in re.findall(r"(?:{{ icons_url }}|icons\.svg' %})#([a-z]+)\"", text)
    }
    states = {state.value for state in State} | {"stalled"}
    ratios = {
        f"ratio-{option.value}"
        for spec in SPECS.values()
        for field in spec.fields
        if field.name == "aspect_ratio"
        for option in field.options
    }
    assert used | states | {"info", "warn", "error"} | ratios <= symbols.keys()
    assert set(symbols.values()) == {1}


def test_vendored_files_are_the_ones_that_were_checked():
    folder = STATIC / "vendor"
    lines = (line.split() for line in (folder / "CHECKSUMS").read_text().splitlines())
    stated = {name: digest for digest, name in lines}
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "CHECKSUMS"
    }
    assert found == stated


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_imports_nothing(module):
    # The names of collected files carry a hash, which an import could not know.
    assert re.findall(r"^\s*import\b|\bimport\(", module.read_text(), re.MULTILINE) == []


def test_the_create_page_asks_for_few_and_small_files():
    text = text_of["base.html"] + text_of["generations/create.html"]
    names = set(re.findall(r"""(?:src|href)="{% static '([^']+)' %}""", text)) | {"icons.svg"}
    kilobytes = sum(weight(STATIC / name) for name in names) / 1000
    assert len(names) <= 11  # and the page itself: 12
    assert kilobytes <= 45, f"{kilobytes:.1f} KB leave too little of 60 KB for the page itself"


def test_the_styles_of_the_create_page_stay_small():
    assert sum(weight(STATIC / name) for name in ("studio.css", "workspace.css")) <= 12_000
