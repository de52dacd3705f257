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
def mine(tmp_path) -> Path:
    return tmp_path / "7-0-mine"


def left(path: Path, name: str, content: bytes, *, note: bool = False) -> Path:
    other = path.with_name(f"7-0-{name}")
    other.write_bytes(content)
    if note:
        other.with_name(other.name + SIDECAR_SUFFIX).write_text(f"of {name}")
    return other


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def test_a_whole_file_wins_over_a_longer_one_that_is_only_begun(mine):
    whole = left(mine, f"a{COMPLETED_SUFFIX}", b"all of it")
    begun = left(mine, "b", b"x" * 999, note=True)
    adopt_partial_file(mine, [begun, whole])
    assert names(mine) == [completed_path(mine).name]
    assert completed_path(mine).read_bytes() == b"all of it"


def test_without_a_whole_one_the_longest_is_gone_on_with(mine):
    others = [left(mine, name, b"x" * size, note=True) for name, size in (("a", 3), ("b", 9))]
    adopt_partial_file(mine, [*others, left(mine, "c", b"y" * 99)])
    assert names(mine) == [mine.name, mine.name + SIDECAR_SUFFIX]
    assert mine.read_bytes() == b"x" * 9
    assert mine.with_name(mine.name + SIDECAR_SUFFIX).read_text() == "of b"


def test_what_is_ones_own_stays_as_it_is(mine):
    completed_path(mine).write_bytes(b"mine")
    adopt_partial_file(mine, [completed_path(mine)])
    assert completed_path(mine).read_bytes() == b"mine"
    assert names(mine) == [completed_path(mine).name]


def test_a_whole_file_that_somebody_else_took_first_is_no_trouble(mine):
    adopt_partial_file(mine, [mine.with_name(f"7-0-gone{COMPLETED_SUFFIX}")])
    assert names(mine) == []
