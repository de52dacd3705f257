"""Templates and static files: no inline code, plain addresses under htmx, small, and complete."""

import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from django.template.loader import get_template

from evolink_studio.accounts.models import User
from evolink_studio.catalog import SPECS
from evolink_studio.core.static_storage import minify_source
from evolink_studio.generations.presenters.palette import list_commands
from evolink_studio.generations.states import State

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES, STATIC = ROOT / "templates", ROOT / "static"
TEMPLATE_PATHS = {
    str(path.relative_to(TEMPLATES)): path for path in sorted(TEMPLATES.rglob("*.html"))
}
SCRIPT_MODULES = sorted(STATIC.glob("*.js"))

INLINE_CODE_PATTERN = re.compile(
    r"<style\b|\sstyle\s*=|\son[a-z]+\s*=|<script\b(?![^>]*\ssrc=)|javascript:", re.IGNORECASE
)
# What htmx would have to evaluate, which `allowEval: false` and the content policy forbid.
HTMX_EVALUATION_PATTERN = re.compile(r"hx-on\b|hx-vars|\bjs:|morph:\{|hx-trigger=\"[^\"]*\[")
INCLUDE_PATTERN = re.compile(r'{%\s*include\s+"([^"]+)"[^%]*%}')
TEMPLATE_TAG_PATTERN = re.compile(r"{%.*?%}|{#.*?#}")
HTMX_ELEMENT_PATTERN = re.compile(r"<(\w+)([^<>]*\shx-(?:get|post)=[^<>]*)>")
# A button without an address only exists where scripts run; anything else listens, not clicks.
PLAIN_ATTRIBUTES = {
    "a": ("href=",),
    "form": ("action=",),
    "button": ("formaction=", 'type="button"'),
}

template_texts = {name: path.read_text(encoding="utf-8") for name, path in TEMPLATE_PATHS.items()}


def expand_includes(name: str) -> str:
    """A template with everything it includes."""
    return INCLUDE_PATTERN.sub(lambda match: expand_includes(match[1]), template_texts[name])


@pytest.mark.parametrize("name", TEMPLATE_PATHS)
def test_a_template_has_no_inline_script_style_or_handler(name):
    assert INLINE_CODE_PATTERN.findall(template_texts[name]) == []


@pytest.mark.parametrize("name", TEMPLATE_PATHS)
def test_a_template_gives_htmx_nothing_to_evaluate(name):
    assert HTMX_EVALUATION_PATTERN.findall(template_texts[name]) == []


@pytest.mark.parametrize(
    "name", [name for name in TEMPLATE_PATHS if Path(name).name.startswith("_")]
)
def test_a_fragment_extends_nothing(name):
    assert "{% extends" not in template_texts[name]


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, text in template_texts.items()
        if 'extends "base.html"' in text or "<html" in text
    ],
)
def test_a_page_has_exactly_one_main_heading(name):
    assert expand_includes(name).count("<h1") == (0 if name == "base.html" else 1)


@pytest.mark.parametrize("name", TEMPLATE_PATHS)
def test_what_htmx_asks_for_has_a_plain_address_too(name):
    asking = HTMX_ELEMENT_PATTERN.findall(TEMPLATE_TAG_PATTERN.sub("", template_texts[name]))
    bare = [
        f"<{tag}{attributes}>"
        for tag, attributes in asking
        if not any(plain in attributes for plain in PLAIN_ATTRIBUTES.get(tag, ("hx-trigger=",)))
    ]
    assert bare == []


def test_every_include_exists():
    names = {name for text in template_texts.values() for name in INCLUDE_PATTERN.findall(text)}
    assert names
    for name in names - TEMPLATE_PATHS.keys():
        assert name.startswith("unfold/"), name  # of the admin's theme
        get_template(name)


def test_every_icon_is_in_the_sprite_once():
    symbols = Counter(re.findall(r'<symbol id="([^"]*)"', (STATIC / "icons.svg").read_text()))
    used_names = {
        name
        for text in template_texts.values()
        for name in re.findall(r"(?:{{ icons_url }}|icons\.svg' %})#([a-z]+)\"", text)
    }
    commands = {command.icon for command in list_commands(User(is_staff=True))}
    states = {state.value for state in State} | {"stalled"}
    ratios = {
        f"ratio-{option.value}"
        for spec in SPECS.values()
        for field in spec.fields
        if field.name == "aspect_ratio"
        for option in field.options
    }
    assert used_names | commands | states | {"info", "warn", "error"} | ratios <= symbols.keys()
    assert set(symbols.values()) == {1}


def test_vendored_files_are_the_ones_that_were_checked():
    folder = STATIC / "vendor"
    lines = (line.split() for line in (folder / "CHECKSUMS").read_text().splitlines())
    digest_by_name = {name: digest for digest, name in lines}
    actual_digests = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "CHECKSUMS"
    }
    assert actual_digests == digest_by_name


@pytest.mark.parametrize("module", SCRIPT_MODULES, ids=lambda path: path.name)
def test_a_module_imports_nothing(module):
    # The names of collected files carry a hash, which only a page knows. What a script is collected
    # with is no file of its own by then; its comments name types by where they come from.
    names = re.findall(
        r"(?:^|[;{}])\s*import\b(?!\()|\bimport\((?!messages\.)",
        minify_source(module).decode(),
        re.MULTILINE,
    )
    assert names == []  # what is fetched later is named by `messages`, which the page fills


def test_htmx_sets_no_style_that_the_content_policy_forbids():
    configs = [
        json.loads(content)
        for text in template_texts.values()
        for content in re.findall(r"name=\"htmx-config\" content='([^']+)'", text)
    ]
    assert len(configs) >= 2
    for config in configs:
        assert config["includeIndicatorStyles"] is False
        assert "style" not in config["attributesToSettle"]
