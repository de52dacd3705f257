"""How many films one press makes of the same form."""

from django.utils.translation import gettext as _

from evolink_studio.generations.models import MAX_TAKES

TAKES_NAME = "_takes"


def parse_takes(text: str) -> int | None:
    """The number of takes, 1 where nothing was chosen; None for what no page offers."""
    if not text:
        return 1
    numbers = {str(number): number for number in range(1, MAX_TAKES + 1)}
    return numbers.get(text)


def build_takes_error() -> str:
    """What is said when a press asks for another number of takes."""
    return _(
        "One press makes 1 to {limit} takes. Nothing was sent and nothing was charged: choose "
        "again how many, and press Generate."
    ).format(limit=MAX_TAKES)
