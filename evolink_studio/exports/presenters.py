"""What pages say of exports."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from evolink_studio.exports.models import Export
from evolink_studio.exports.sources import ExportSource

MAX_ANNOUNCED = 3


@dataclass(frozen=True)
class AnnouncedExport:
    """One of the reader's own files. Without a file `download_url` is empty."""

    filename: str
    text: str
    download_url: str


def describe_state(export: Export) -> str:
    """How far it is, or why there is no file."""
    if export.state == Export.State.FAILED:
        return str(Export.Failure(export.failure).label)
    if export.state == Export.State.WAITING:
        return _("Waits for the worker.")
    written = number_format(export.written_count, force_grouping=True)
    if export.state == Export.State.READY:
        return _("{n} lines").format(n=written)
    if export.row_count is None:
        return _("Counts the lines.")
    total = number_format(export.row_count, force_grouping=True)
    return _("{percent} %: {written} of {total} lines").format(
        percent=export.percent, written=written, total=total
    )


def list_announced(request: HttpRequest, *sources: ExportSource) -> list[AnnouncedExport]:
    """The reader's newest files of these lists that were not downloaded yet. One query."""
    exports = Export.objects.filter(
        requested_by=request.user.pk,
        source__in=[source.name for source in sources],
        downloaded_at=None,
    )
    return [_announce(export) for export in exports.order_by("-pk")[:MAX_ANNOUNCED]]


def _announce(export: Export) -> AnnouncedExport:
    is_ready = export.state == Export.State.READY
    url = reverse("admin:exports_download", args=[export.pk]) if is_ready else ""
    return AnnouncedExport(export.filename, describe_state(export), url)
