"""The list of what may happen in a history, filled by a decorator."""

from collections.abc import Callable

from hypothesis import strategies as st

# What may happen: name, how often beside the others, when it can, and what it is given by chance.
EVENTS: list[tuple[str, int, Callable, dict[str, st.SearchStrategy]]] = []


def history_event(
    weight: int = 1, condition: Callable = lambda self: True, **strategies: st.SearchStrategy
):
    """A thing that may happen in a history. Hypothesis would leave out half of its own rules."""

    def register(method):
        EVENTS.append((method.__name__, weight, condition, strategies))
        return method

    return register
