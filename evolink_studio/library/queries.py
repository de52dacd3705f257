"""Reads of the library for pages. At most one query each, where nothing else is said."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Q, QuerySet
from django.http import Http404

from evolink_studio.accounts.models import User
from evolink_studio.core.keyset import KeysetOrder, Position
from evolink_studio.core.search import fold_text
from evolink_studio.core.term_search import split_terms
from evolink_studio.library.filenames import clean_name
from evolink_studio.library.models import Asset
from evolink_studio.library.search_index import NAME_INDEX

PAGE_SIZE = 24
COUNT_LIMIT = 1_000  # files are counted so far
# What a person added or made of what they added; films made here have pages of their own.
ADDED_ORIGINS = (
    Asset.Origin.UPLOAD,
    Asset.Origin.LINK,
    Asset.Origin.FRAME,
    Asset.Origin.EDIT,
)
NEWEST_FIRST = KeysetOrder(Asset, ("-created_at", "-pk"))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK_TOLERANCE = timedelta(minutes=5)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class AssetPage:
    """Some files, newest first. `next_cursor` is for the next page; "" on the last one."""

    items: list[Asset]
    next_cursor: str


def get_asset_or_404(user: User, pk: int) -> Asset:
    """The file, if this person may open it. Raises Http404 otherwise, as if it did not exist."""
    asset = Asset.objects.readable_by(user).filter(pk=pk).first()
    if asset is None:
        raise Http404
    return asset


def find_stored_result(*, owner_id: int, name: str, since: datetime) -> Asset | None:
    """The film that an earlier `add_result` with this `name` stored after `since`, or None."""
    # Clocks of two machines may differ by a little.
    return Asset.objects.filter(
        owner_id=owner_id,
        created_at__gte=since - _CLOCK_TOLERANCE,
        origin=Asset.Origin.RESULT,
        name__startswith=f"{clean_name(name)}.",
    ).first()


def list_recent_assets(
    user: User, *, kind: str, text: str = "", cursor: str = "", limit: int = PAGE_SIZE
) -> AssetPage:
    """A person's files of one kind, newest first, with these words in their names.

    An invalid `cursor` starts at the newest. One query; for words of one or two letters another.
    """
    files = _filter_by_name(Asset.objects.readable_by(user).filter(kind=kind), text)
    if (position := _parse_cursor(cursor)) is not None:
        created_at, pk = position
        # The first condition is redundant, but lets the database seek in the index.
        files = files.filter(created_at__lte=created_at).filter(
            Q(created_at__lt=created_at) | Q(pk__lt=pk)
        )
    items = list(files.order_by("-created_at", "-pk")[: limit + 1])
    has_more = len(items) > limit
    return AssetPage(items[:limit], _format_cursor(items[limit - 1]) if has_more else "")


@dataclass(frozen=True, kw_only=True)
class AssetFilter:
    """Which files are asked for; "" asks for all. `text` is words of their names."""

    text: str = ""
    kind: str = ""
    origin: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.text or self.kind or self.origin)


def list_added_assets(
    user: User, wanted: AssetFilter, *, position: str = "", limit: int = PAGE_SIZE
) -> AssetPage:
    """Files that a person added, newest first. An invalid `position` starts at the newest.

    A query for each origin, twice beyond the first page, so that an index brings each in order
    whatever else the person has; and one for the files.
    """
    branches = _build_branches(user, wanted)
    page = NEWEST_FIRST.read_page(branches, NEWEST_FIRST.parse_position(position), limit)
    assets = Asset.objects.in_bulk(page.pks)
    items = [assets[pk] for pk in page.pks if pk in assets]
    has_more = page.has_next and bool(page.keys)
    next_position = Position(page.keys[-1]) if has_more else None
    return AssetPage(items, NEWEST_FIRST.format_position(next_position) if next_position else "")


def count_added_assets(user: User, wanted: AssetFilter) -> int:
    """How many files there are, counted up to COUNT_LIMIT + 1. A query for each origin."""
    count = 0
    for branch in _build_branches(user, wanted):
        count += branch.order_by()[: COUNT_LIMIT + 1 - count].count()
    return count


def list_derivatives(asset: Asset, *, limit: int = PAGE_SIZE) -> list[Asset]:
    """What was cut out of this file, or is a frame of it, newest first."""
    return list(asset.derivatives.order_by("-pk")[:limit])


def _build_branches(user: User, wanted: AssetFilter) -> list[QuerySet[Asset]]:
    """A part of the list for each origin."""
    files = _filter_by_name(Asset.objects.readable_by(user), wanted.text)
    if wanted.kind:
        files = files.filter(kind=wanted.kind)
    origins = [wanted.origin] if wanted.origin else ADDED_ORIGINS
    return [files.filter(origin=origin) for origin in origins]


def _filter_by_name(files: QuerySet[Asset], text: str) -> QuerySet[Asset]:
    """Those with each of these words in their names; none for a search that nothing can fit."""
    try:
        pieces = [fold_text(term) for term in split_terms(text)]
    except IncorrectLookupParameters:
        return files.none()
    return files.filter(NAME_INDEX.build_filter(pieces)) if pieces else files


def _format_cursor(asset: Asset) -> str:
    return f"{(asset.created_at - _EPOCH) // _MICROSECOND}-{asset.pk}"


def _parse_cursor(text: str) -> tuple[datetime, int] | None:
    microseconds, _, pk = text.partition("-")
    try:
        return _EPOCH + int(microseconds) * _MICROSECOND, int(pk)
    except (ValueError, OverflowError):
        return None
