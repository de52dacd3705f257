"""Reads for the pages of cuts. Each docstring says how many queries it makes."""

from collections.abc import Sequence

from django.http import Http404

from evolink_studio.accounts.models import User
from evolink_studio.core.keyset import KeyPage, KeysetOrder, Position
from evolink_studio.films.models import Cut
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.queries import HIDDEN_COLUMNS, load_results
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset

PAGE_SIZE = 30
OFFERED_FILMS = 24
CUT_ORDER = KeysetOrder(Cut, ("-created_at",))


def get_cut_or_404(user: User, pk: int) -> Cut:
    """A cut of this person; else raises Http404. One query."""
    cut = Cut.objects.filter(owner_id=user.pk, pk=pk).first()
    if cut is None:
        raise Http404
    return cut


def read_cut_page(user: User, position: Position) -> tuple[list[Cut], KeyPage]:
    """Some cuts of a person, newest first, with their films. Two queries."""
    page = CUT_ORDER.read_page([Cut.objects.filter(owner_id=user.pk)], position, PAGE_SIZE)
    cuts = Cut.objects.select_related("generation").in_bulk(page.pks)
    return [cuts[pk] for pk in page.pks if pk in cuts], page


def find_newer_page(page: KeyPage) -> str:
    """Where the page before this one begins, as part of an address; "" for the first."""
    if not page.has_previous or not page.keys:
        return ""
    return CUT_ORDER.format_position(Position(page.keys[0], is_before=True))


def find_older_page(page: KeyPage) -> str:
    """Where the next page begins, as part of an address; "" for the last."""
    if not page.has_next or not page.keys:
        return ""
    return CUT_ORDER.format_position(Position(page.keys[-1]))


def find_cuttable(owner: User, ids: Sequence[int]) -> dict[int, GeneratedVideo]:
    """The film of each of these generations that a cut can have, by the generation's pk. One query.

    Finished films of this person outside of the trash; of several results the first.
    """
    results = GeneratedVideo.objects.filter(
        generation__owner_id=owner.pk,
        generation__in=set(ids),
        generation__state=State.COMPLETED,
        generation__trashed_at=None,
        asset__kind=Asset.Kind.VIDEO,
    )
    found: dict[int, GeneratedVideo] = {}
    for result in results.select_related("asset", "generation").order_by("position"):
        found.setdefault(result.generation_id, result)
    return found


def list_offered_films(owner: User) -> list[GeneratedVideo]:
    """The newest films of a person that a cut can have. Two queries."""
    rows = Generation.objects.filter(owner_id=owner.pk, state=State.COMPLETED)
    newest = rows.order_by("-created_at", "-id").defer(*HIDDEN_COLUMNS)[:OFFERED_FILMS]
    kept = [row for row in load_results(newest) if row.trashed_at is None]
    firsts = (next(iter(row.results.all()), None) for row in kept)
    return [it for it in firsts if it is not None and it.asset.kind == Asset.Kind.VIDEO]
