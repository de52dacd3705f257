"""What is collected means to a browser what was written."""

import re

import pytest

from evolink_studio.core.static_storage import list_minified_sources, minify_source, read_source
from tests.browser.conftest import STATIC

STYLES = [path for path in list_minified_sources(STATIC) if path.suffix == ".css"]
LIST_RULES = """text => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  return [...sheet.cssRules].map(({ cssText }) => cssText);
}"""
# A browser keeps the blanks of a value with `var()`, where these mean nothing.
MEANINGLESS_BLANKS_PATTERN = re.compile(r"\s+(?=[,/])|(?<=[,/(:])\s+")


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_a_minified_style_has_the_rules_of_its_source(ada_page, path):
    """In `@layer` the minifier takes `a :is(b)` for a declaration: write `a > :is(b)` there."""
    source, minified = read_source(path), minify_source(path).decode()
    assert len(minified) < len(source)
    rules, minified_rules = (
        [MEANINGLESS_BLANKS_PATTERN.sub("", rule) for rule in ada_page.evaluate(LIST_RULES, text)]
        for text in (source, minified)
    )
    assert rules
    assert minified_rules == rules


def test_pages_of_the_tests_have_the_minified_files(ada_page, idle_studio):
    address = idle_studio.build_url("/static/form.js")
    assert ada_page.request.get(address).text() == minify_source(STATIC / "form.js").decode()
