"""What others left of a file: whole ones are moved, begun ones are copied, and nothing is mixed."""

from pathlib import Path

import pytest

from evolink_studio.evolink.partial_file import (
    COMPLETED_SUFFIX,
    SIDECAR_SUFFIX,
    adopt_partial_file,
    completed_path,
)


@pytest.fixture
def own_path(tmp_path) -> Path:
    return tmp_path / "7-0-mine"


def write_partial_file(path: Path, name: str, content: bytes, *, note: bool = False) -> Path:
    other_path = path.with_name(f"7-0-{name}")
    other_path.write_bytes(content)
    if note:
        other_path.with_name(other_path.name + SIDECAR_SUFFIX).write_text(f"of {name}")
    return other_path


def sibling_names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def test_a_whole_file_wins_over_a_longer_one_that_is_only_begun(own_path):
    completed_file = write_partial_file(own_path, f"a{COMPLETED_SUFFIX}", b"all of it")
    partial_file = write_partial_file(own_path, "b", b"x" * 999, note=True)
    adopt_partial_file(own_path, [partial_file, completed_file])
    assert sibling_names(own_path) == [completed_path(own_path).name]
    assert completed_path(own_path).read_bytes() == b"all of it"


def test_without_a_whole_one_the_longest_is_gone_on_with(own_path):
    other_paths = [
        write_partial_file(own_path, name, b"x" * size, note=True)
        for name, size in (("a", 3), ("b", 9))
    ]
    adopt_partial_file(own_path, [*other_paths, write_partial_file(own_path, "c", b"y" * 99)])
    assert sibling_names(own_path) == [own_path.name, own_path.name + SIDECAR_SUFFIX]
    assert own_path.read_bytes() == b"x" * 9
    assert own_path.with_name(own_path.name + SIDECAR_SUFFIX).read_text() == "of b"


def test_what_is_ones_own_stays_as_it_is(own_path):
    completed_path(own_path).write_bytes(b"mine")
    adopt_partial_file(own_path, [completed_path(own_path)])
    assert completed_path(own_path).read_bytes() == b"mine"
    assert sibling_names(own_path) == [completed_path(own_path).name]


def test_a_whole_file_that_somebody_else_took_first_is_no_trouble(own_path):
    adopt_partial_file(own_path, [own_path.with_name(f"7-0-gone{COMPLETED_SUFFIX}")])
    assert sibling_names(own_path) == []
