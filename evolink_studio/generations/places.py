"""Where waiting generations stand, as their person is told."""

from dataclasses import dataclass, replace

from evolink_studio.credits.terms import at_once_of
from evolink_studio.generations.steps.turns import ahead_of, limits_from_settings


@dataclass(frozen=True)
class Place:
    """`ahead` go before it; at most `at_once` may be at EvoLink (0: no limit).

    `own` says whose limit that is: the person's, or that of the whole studio.
    """

    ahead: int
    at_once: int = 0
    own: bool = True


def places(owner_id: int) -> dict[int, Place]:
    """The place of every waiting generation of this person, by its number. Four queries."""
    limits = replace(limits_from_settings(), people=at_once_of({owner_id}))
    own = limits.of(owner_id)
    return {
        pk: Place(ahead, own or limits.everyone, own=bool(own))
        for pk, ahead in ahead_of(owner_id).items()
    }
