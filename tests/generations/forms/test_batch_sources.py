"""Prompts from lines and files: what is read, and what is said of the rest."""

import io

import pytest

from evolink_studio.generations.forms.batch_sources import (
    MAX_SOURCE_BYTES,
    SourceRow,
    SourceUnreadable,
    read_file,
    read_lines,
)
from tests.factories import VEO


def read(name: str, content: str | bytes) -> list[SourceRow]:
    data = content if isinstance(content, bytes) else content.encode()
    return read_file(name, io.BytesIO(data))


def test_each_line_is_a_prompt_and_blank_ones_are_none():
    assert read_lines(" A cat \r\n\n\u00a0\nA dog\0\n") == [SourceRow("A cat"), SourceRow("A dog")]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_text_file_may_begin_with_the_mark_of_its_encoding(mark):
    assert read("prompts.txt", mark + "Käse, überall".encode()) == [SourceRow("Käse, überall")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_has_a_prompt_column_and_settings(delimiter):
    lines = [
        "\ufeffPrompt,Model,Ratio,length",
        '"A cat, ""loud""\nand wet",Veo 3.1 Pro,9:16,',
        "A dog,,,8",
    ]
    text = "\r\n".join(line if "cat" in line else line.replace(",", delimiter) for line in lines)
    text = text.replace('",Veo 3.1 Pro,9:16,', f'"{delimiter}Veo 3.1 Pro{delimiter}9:16{delimiter}')
    assert read("x.CSV", text) == [
        SourceRow('A cat, "loud"\nand wet', VEO, {"aspect_ratio": "9:16"}),
        SourceRow("A dog", "", {"duration": "8"}),
    ]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.txt", "Käse".encode("latin-1"), "not in UTF-8"),
        ("x.csv", "prompt\nA".encode("utf-16"), "not in UTF-8"),
        ("x.txt", b"a" * (MAX_SOURCE_BYTES + 1), "larger than"),
        ("x.txt", " \n\n", "no prompt"),
        ("x.csv", "", "must be “prompt”"),
        ("x.csv", "A cat\nA dog", "must be “prompt”"),
        ("x.csv", "prompt\n", "no prompt"),
        ("x.csv", "prompt,colour\nA,b", "colour"),
        ("x.csv", "prompt,image_urls\nA,asset:1", "image_urls"),
        ("x.csv", "prompt,ratio,aspect_ratio\nA,1:1,1:1", "twice"),
        ("x.csv", "prompt,model\nA,nonsense", "Line 2 names a model"),
        ("x.csv", "prompt\nA cat, wet", "Line 2 has more cells"),
        ("x.csv", 'prompt\n"A', "quote"),
        ("x.csv", "prompt\n" + "a" * 200_000, "a cell of more than 131072 characters"),
    ],
)
def test_what_cannot_be_read_says_why(name, content, reason):
    with pytest.raises(SourceUnreadable, match=reason):
        read(name, content)
