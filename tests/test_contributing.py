"""The map in CONTRIBUTING names what exists, and names all of it."""

import re
from pathlib import Path

import pytest

from tests.test_paths import AMOUNT_PATH, PROMPT_PATH, READING_PATH

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "evolink_studio"
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
TREE = re.search(r"## The map\n\n```\n(.*?)```", TEXT, re.DOTALL)
PATH_PATTERN = re.compile(r"`([\w./-]+(?:\.py|\.json|\.po|/))`")


def tree_paths() -> list[Path]:
    """Every file and folder at the beginning of a line of the tree, with its parents."""
    assert TREE is not None
    paths: list[Path] = []
    parents: list[Path] = [ROOT]
    for line in TREE[1].splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        if depth > 2:  # the rest of a description
            continue
        names = re.match(r"\s*([\w.-]+/?(?:  [\w.-]+/?)*)(?:\s{3,}|$)", line)
        assert names is not None, line
        parents = parents[: depth + 1]
        expanded = [parents[-1] / name for name in names[1].split()]
        paths += expanded
        parents.append(expanded[0])
    return paths


def test_the_tree_names_only_what_exists():
    missing = [str(path.relative_to(ROOT)) for path in tree_paths() if not path.exists()]
    assert missing == []


def test_every_package_and_top_level_module_is_in_the_tree():
    paths = set(tree_paths())
    packages = {
        path
        for path in PACKAGE.iterdir()
        if any("__pycache__" not in file.parts for file in path.rglob("*.*"))
        or (path.suffix == ".py" and path.name != "__init__.py")
    }
    assert {path.name for path in packages - paths} == set()


def test_every_path_in_the_text_exists():
    bases = (ROOT, PACKAGE)
    paths = set(PATH_PATTERN.findall(TEXT))
    missing = {
        name
        for name in paths
        if "*" not in name and not any((base / name).exists() for base in bases)
    }
    # One file name that stands for its role in every app; folders that a run makes.
    roles = {"models.py", "services.py", "queries.py"}
    made_by_a_run = set((ROOT / ".gitignore").read_text().split())
    assert missing - roles - made_by_a_run == set()
    assert all((PACKAGE / "generations" / role).exists() for role in roles)


@pytest.mark.parametrize(
    ("opening", "path"),
    [("A prompt", PROMPT_PATH), ("A task's", READING_PATH), ("An amount", AMOUNT_PATH)],
)
def test_a_way_through_the_code_is_the_one_that_was_traced(opening, path):
    """The tests trace these ways; the text names the same files in the same order."""
    paragraph = next(part for part in TEXT.split("\n\n") if part.startswith(f"**{opening}"))
    paths = PATH_PATTERN.findall(paragraph)
    assert paths == path
