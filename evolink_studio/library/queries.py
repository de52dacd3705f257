"""Reads of the library for pages. At most one query each."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q
from django.http import Http404

from evolink_studio.accounts.models import User
from evolink_studio.library.filenames import clean_name
from evolink_studio.library.models import Asset

PAGE_SIZE = 24
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
    user: User, *, kind: str, cursor: str = "", limit: int = PAGE_SIZE
) -> AssetPage:
    """A person's files of one kind, newest first. An invalid `cursor` starts at the newest."""
    files = Asset.objects.readable_by(user).filter(kind=kind)
    if (position := _parse_cursor(cursor)) is not None:
        created_at, pk = position
        # The first condition is redundant, but lets the database seek in the index.
        files = files.filter(created_at__lte=created_at).filter(
            Q(created_at__lt=created_at) | Q(pk__lt=pk)
        )
    items = list(files.order_by("-created_at", "-pk")[: limit + 1])
    has_more = len(items) > limit
    return AssetPage(items[:limit], _format_cursor(items[limit - 1]) if has_more else "")


def _format_cursor(asset: Asset) -> str:
    return f"{(asset.created_at - _EPOCH) // _MICROSECOND}-{asset.pk}"


def _parse_cursor(text: str) -> tuple[datetime, int] | None:
    microseconds, _, pk = text.partition("-")
    try:
        return _EPOCH + int(microseconds) * _MICROSECOND, int(pk)
    except (ValueError, OverflowError):
        return None
