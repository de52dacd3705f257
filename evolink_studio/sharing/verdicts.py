"""What guests decided: for each film of a share, and for its link as a whole.

A verdict belongs to the film that it was given for, or to all films, and the newest one of a film
counts. All of it is computed from the answers, so a deleted answer takes its decision along.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from evolink_studio.sharing.models import Share, SharedFilm


class GuestDecision(NamedTuple):
    """An answer's verdict. `generation_id` is that of its film; None means all of them."""

    generation_id: int | None
    verdict: str


@dataclass(frozen=True)
class LinkVerdict:
    """What was decided about a link; `verdict` is "" while films are neither all approved nor
    one of them to be changed."""

    verdict: str
    approved_count: int
    film_count: int

    @property
    def is_partly_approved(self) -> bool:
        """Whether films are approved, and the others not decided about."""
        return not self.verdict and self.approved_count > 0


def find_film_verdicts(
    films: Sequence[SharedFilm], decisions: Iterable[GuestDecision]
) -> dict[int, str]:
    """The newest verdict by the film's generation, "" for none; decisions come oldest first."""
    verdicts = {film.generation_id: "" for film in films}
    for decision in decisions:
        if not decision.verdict:
            continue
        if decision.generation_id is None:
            verdicts = dict.fromkeys(verdicts, decision.verdict)
        elif decision.generation_id in verdicts:
            verdicts[decision.generation_id] = decision.verdict
    return verdicts


def sum_up_verdicts(verdicts: Mapping[int, str]) -> LinkVerdict:
    """Changes if they are wanted of any film; approved once all films are."""
    values = list(verdicts.values())
    approved_count = values.count(Share.Verdict.APPROVED)
    if Share.Verdict.CHANGES in values:
        verdict = Share.Verdict.CHANGES.value
    else:
        is_approved = bool(values) and approved_count == len(values)
        verdict = Share.Verdict.APPROVED.value if is_approved else ""
    return LinkVerdict(verdict, approved_count, len(values))
