"""The folded text by which the search finds a film's title, notes and tags."""

from collections.abc import Iterable

from evolink_studio.core.search import fold_text

SEPARATOR = "\n"  # no piece of a search has one, so none reaches from one label into the next


def build_label_text(*, title: str, notes: str, tags: Iterable[str]) -> str:
    """The value of `Generation.label_text`: without case and accents. No query."""
    labels = (title, *sorted(tags), notes)
    return SEPARATOR.join(fold_text(label) for label in labels if label)
