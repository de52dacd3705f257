"""What a docstring names exists: whoever reads it may look it up."""

import ast
import builtins
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("evolink_studio", "tests", "bench")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
QUOTED = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PATTERN = re.compile(r"[…*<>]")  # a form of names, such as `token_…`, is no name
RAISED = re.compile(
    r"\bRaises?:? (?:an? |the |its )?([A-Z]\w+(?:(?:, | or | and |, or )[A-Z]\w+)*)"
)
CAMEL_CASE = re.compile(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b")
# What docstrings say that is no name of ours.
OTHER_WORDS = {"EvoLink", "PostgreSQL", "JavaScript", "makemessages", "dbshell"}
# Files that are not Python and have names of their own: templates, commands, documents.
OTHER_PLACES = ("templates", "static", "tests", "scripts", "Makefile", "Procfile", "pyproject.toml")
OTHER_SUFFIXES = {".html", ".js", ".css", ".json", ".md", ".toml", ".yaml", ".txt", ""}


def python_files() -> list[Path]:
    return [
        path
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "migrations" not in path.parts
    ]


@cache
def parse_file(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def find_docstrings(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each with the name of what it describes."""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)):
            yield getattr(node, "name", "module"), text


@cache
def known_names() -> frozenset[str]:
    """Every identifier of the code, and every word of its strings that are no docstrings."""
    names = set(dir(builtins))
    for path in python_files():
        names.update((path.stem, path.parent.name))
        tree = parse_file(path)
        docstrings = {text for _name, text in find_docstrings(tree)}
        for node in ast.walk(tree):
            names.update(names_of(node))
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and inspect.cleandoc(node.value) not in docstrings
            ):
                names.update(IDENTIFIER.findall(node.value))
    for path in other_files():
        names.update(IDENTIFIER.findall(path.read_text("utf-8", errors="ignore")))
    return frozenset(names)


def other_files() -> Iterator[Path]:
    for name in OTHER_PLACES:
        place = ROOT / name
        for path in place.rglob("*") if place.is_dir() else [place]:
            if path.is_file() and path.suffix in OTHER_SUFFIXES:
                yield path


def names_of(node: ast.AST) -> list[str]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            return [name]
        case ast.keyword(arg=str(name)):
            return [name]
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
            return [name]
        case ast.AsyncFunctionDef(name=name):
            return [name]
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return [part for alias in aliases for part in alias.name.split(".")]
    return []


def find_unknown(path: Path) -> list[str]:
    """Names that its docstrings mention and that nothing has."""
    unknown = []
    for owner, text in find_docstrings(parse_file(path)):
        mentioned = [
            word
            for quoted in QUOTED.findall(text)
            if not PATTERN.search(quoted)
            for word in IDENTIFIER.findall(quoted)
        ]
        for raised in RAISED.findall(text):
            mentioned += [word for word in IDENTIFIER.findall(raised) if word not in {"or", "and"}]
        mentioned += CAMEL_CASE.findall(text)
        unknown += [
            f"{owner}: {word}"
            for word in mentioned
            if len(word) > 2 and word not in known_names() and word not in OTHER_WORDS
        ]
    return unknown


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_name_in_a_docstring_exists(folder):
    unknown = {
        str(path.relative_to(ROOT)): names
        for path in python_files()
        if path.relative_to(ROOT).parts[0] == folder and (names := find_unknown(path))
    }
    assert unknown == {}
