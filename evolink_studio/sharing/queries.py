"""Reads for the pages of shares. Each docstring says how many queries it makes."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Prefetch, Q, prefetch_related_objects
from django.http import Http404

from evolink_studio.accounts.models import User
from evolink_studio.core.keyset import KeyPage, KeysetOrder, Position
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.queries import HIDDEN_COLUMNS
from evolink_studio.generations.states import State
from evolink_studio.sharing.models import Comment, Share, SharedFilm
from evolink_studio.sharing.tokens import hash_token
from evolink_studio.sharing.verdicts import GuestDecision

PAGE_SIZE = 30
SHARE_ORDER = KeysetOrder(Share, ("-created_at",))


def find_open_share(token: str, now: datetime) -> Share | None:
    """The share of this token while it is open. One query."""
    shares = Share.objects.open(now).select_related("owner")
    return shares.filter(token_hash=hash_token(token)).first()


def get_share_or_404(user: User, pk: int) -> Share:
    """A share of this person; else raises Http404. One query."""
    share = Share.objects.filter(owner_id=user.pk, pk=pk).first()
    if share is None:
        raise Http404
    return share


def find_shareable(owner: User, ids: Sequence[int]) -> list[Generation]:
    """Those of these generations of the person that can be shared, in this order. Two queries.

    Completed ones with something saved, outside of the trash.
    """
    rows = Generation.objects.filter(
        owner_id=owner.pk, pk__in=ids, state=State.COMPLETED, trashed_at=None
    )
    generations = {row.pk: row for row in rows.defer(*HIDDEN_COLUMNS)}
    prefetch_related_objects(list(generations.values()), _build_results_prefetch("results"))
    found = (generations.get(pk) for pk in dict.fromkeys(ids))
    return [row for row in found if row is not None and row.results.all()]


def list_shared_films(shares: Sequence[Share]) -> dict[int, list[SharedFilm]]:
    """The films of these shares by the share's pk, with what was saved of each. Two queries.

    Without films in the trash, and without those of which nothing is left.
    """
    films = SharedFilm.objects.filter(
        share__in=shares, generation__state=State.COMPLETED, generation__trashed_at=None
    )
    hidden_columns = [f"generation__{name}" for name in HIDDEN_COLUMNS]
    rows = list(films.select_related("generation").defer(*hidden_columns).order_by("position"))
    prefetch_related_objects(rows, _build_results_prefetch("generation__results"))
    films_by_share: dict[int, list[SharedFilm]] = {share.pk: [] for share in shares}
    for film in rows:
        if film.generation.results.all():
            films_by_share[film.share_id].append(film)
    return films_by_share


def _build_results_prefetch(path: str) -> Prefetch[str]:
    return Prefetch(path, GeneratedVideo.objects.select_related("asset").order_by("position"))


def list_comments(share: Share) -> list[Comment]:
    """All answers to a share, oldest first. One query; a share has a few hundred at most."""
    return list(Comment.objects.filter(share=share).order_by("pk"))


def list_decisions_of(comments: Sequence[Comment]) -> list[GuestDecision]:
    """The verdicts of answers that were read already, oldest first. No query."""
    return [GuestDecision(it.generation_id, it.verdict) for it in comments if it.verdict]


def list_decisions(shares: Sequence[Share]) -> dict[int, list[GuestDecision]]:
    """What was decided about these shares by the share's pk, oldest first. One query."""
    decisions: dict[int, list[GuestDecision]] = {share.pk: [] for share in shares}
    rows = Comment.objects.filter(~Q(verdict=""), share__in=shares).order_by("pk")
    for share_id, film_id, verdict in rows.values_list("share_id", "generation_id", "verdict"):
        decisions[share_id].append(GuestDecision(film_id, verdict))
    return decisions


def read_share_page(user: User, position: Position) -> tuple[list[Share], KeyPage]:
    """Some shares of a person, newest first. Two queries."""
    page = SHARE_ORDER.read_page([Share.objects.filter(owner_id=user.pk)], position, PAGE_SIZE)
    shares = Share.objects.in_bulk(page.pks)
    return [shares[pk] for pk in page.pks if pk in shares], page


def count_new_answers(user: User) -> int:
    """How many of a person's shares have an answer they have not looked at. One query."""
    return Share.objects.filter(owner_id=user.pk).with_new_answers().count()


def find_newer_page(page: KeyPage) -> str:
    """Where the page before this one begins, as part of an address; "" for the first."""
    if not page.has_previous or not page.keys:
        return ""
    return SHARE_ORDER.format_position(Position(page.keys[0], is_before=True))


def find_older_page(page: KeyPage) -> str:
    """Where the next page begins, as part of an address; "" for the last."""
    if not page.has_next or not page.keys:
        return ""
    return SHARE_ORDER.format_position(Position(page.keys[-1]))
