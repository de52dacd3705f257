"""The list of what may happen in a history, filled by a decorator."""

from collections.abc import Callable

from hypothesis import strategies as st

# What may happen: name, how often beside the others, when it can, and what it is given by chance.
HAPPENINGS: list[tuple[str, int, Callable, dict[str, st.SearchStrategy]]] = []


def happens(often: int = 1, possible: Callable = lambda self: True, **given: st.SearchStrategy):
    """A thing that may happen in a history. Hypothesis would leave out half of its own rules."""

    def keep(method):
        HAPPENINGS.append((method.__name__, often, possible, given))
        return method

    return keep
