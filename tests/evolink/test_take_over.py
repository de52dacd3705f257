"""What others left of a file: whole ones are moved, begun ones are copied, and nothing is mixed."""

from pathlib import Path

import pytest

from evolink_studio.evolink.partial_file import NOTE, WHOLE, take_over, whole_of


@pytest.fixture
def mine(tmp_path) -> Path:
    return tmp_path / "7-0-mine"


def left(path: Path, name: str, content: bytes, *, note: bool = False) -> Path:
    other = path.with_name(f"7-0-{name}")
    other.write_bytes(content)
    if note:
        other.with_name(other.name + NOTE).write_text(f"of {name}")
    return other


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def test_a_whole_file_wins_over_a_longer_one_that_is_only_begun(mine):
    whole = left(mine, f"a{WHOLE}", b"all of it")
    begun = left(mine, "b", b"x" * 999, note=True)
    take_over(mine, [begun, whole])
    assert names(mine) == [whole_of(mine).name]
    assert whole_of(mine).read_bytes() == b"all of it"


def test_without_a_whole_one_the_longest_is_gone_on_with(mine):
    others = [left(mine, name, b"x" * size, note=True) for name, size in (("a", 3), ("b", 9))]
    take_over(mine, [*others, left(mine, "c", b"y" * 99)])
    assert names(mine) == [mine.name, mine.name + NOTE]
    assert mine.read_bytes() == b"x" * 9
    assert mine.with_name(mine.name + NOTE).read_text() == "of b"


def test_what_is_ones_own_stays_as_it_is(mine):
    whole_of(mine).write_bytes(b"mine")
    take_over(mine, [whole_of(mine)])
    assert whole_of(mine).read_bytes() == b"mine"
    assert names(mine) == [whole_of(mine).name]


def test_a_whole_file_that_somebody_else_took_first_is_no_trouble(mine):
    take_over(mine, [mine.with_name(f"7-0-gone{WHOLE}")])
    assert names(mine) == []
