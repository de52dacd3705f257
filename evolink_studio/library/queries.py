"""Reading the library for pages. At most one query each."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q
from django.http import Http404

from evolink_studio.accounts.models import User
from evolink_studio.library.filenames import clean
from evolink_studio.library.models import Asset

PAGE = 24
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCKS = timedelta(minutes=5)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Page:
    """Some files, newest first. `after` asks for the next page; "" on the last one."""

    items: list[Asset]
    after: str


def get_asset_or_404(user: User, pk: int) -> Asset:
    """The file, if this person may open it. Anybody else does not learn that it exists."""
    asset = Asset.objects.readable_by(user).filter(pk=pk).first()
    if asset is None:
        raise Http404
    return asset


def kept_result(*, owner_id: int, name: str, since: datetime) -> Asset | None:
    """The film that an earlier `add_result` of this `name` has kept, `since` some time."""
    # Clocks of two machines may differ by a little.
    return Asset.objects.filter(
        owner_id=owner_id,
        created__gte=since - _CLOCKS,
        origin=Asset.Origin.RESULT,
        name__startswith=f"{clean(name)}.",
    ).first()


def recent(user: User, *, kind: str, after: str = "", count: int = PAGE) -> Page:
    """A person's files of one kind. An `after` that makes no sense begins at the newest."""
    files = Asset.objects.readable_by(user).filter(kind=kind)
    if (place := _read_place(after)) is not None:
        created, pk = place
        # The first condition says nothing new, but lets the database go straight to the place.
        files = files.filter(created__lte=created).filter(Q(created__lt=created) | Q(pk__lt=pk))
    items = list(files.order_by("-created", "-pk")[: count + 1])
    more = len(items) > count
    return Page(items[:count], _place(items[count - 1]) if more else "")


def _place(asset: Asset) -> str:
    return f"{(asset.created - _EPOCH) // _MICROSECOND}-{asset.pk}"


def _read_place(text: str) -> tuple[datetime, int] | None:
    moment, _, pk = text.partition("-")
    try:
        return _EPOCH + int(moment) * _MICROSECOND, int(pk)
    except (ValueError, OverflowError):
        return None
