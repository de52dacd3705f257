"""Everything people read is marked for translators."""

import ast
from pathlib import Path

import pytest

import evolink_studio.catalog as catalog
from evolink_studio.catalog import SPECS, Message, media, validation

CATALOG_FOLDER = Path(catalog.__file__).parent


def find_marked_texts():
    """The texts inside of `_(...)`, as xgettext finds them."""
    calls = (
        node
        for file in CATALOG_FOLDER.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_"
    )
    return {ast.literal_eval(call.args[0]) for call in calls}


MARKED_TEXTS = find_marked_texts()


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_the_words_of_a_spec_can_be_translated(spec):
    fields = [*spec.fields, *(column for field in spec.fields for column in field.columns)]
    texts = {spec.summary, *(rule.message.msgid for rule in spec.rules)}
    texts |= {text for field in fields for text in (field.label, field.help)}
    texts |= {option.help for field in fields for option in field.options}
    texts |= {spec.notice.msgid} if spec.notice else set()
    assert texts - MARKED_TEXTS == set()


@pytest.mark.parametrize("module", [validation, media], ids=["checking", "media"])
def test_the_sentences_about_mistakes_can_be_translated(module):
    sentences = [value for value in vars(module).values() if isinstance(value, Message)]
    assert sentences
    assert {sentence.msgid for sentence in sentences} <= MARKED_TEXTS
