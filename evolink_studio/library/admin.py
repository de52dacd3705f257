"""Files in the admin pages, read-only."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    CheckboxFilter,
    ChoicesCheckboxFilter,
    RangeDateTimeFilter,
)

from evolink_studio.accounts.search import mean_people
from evolink_studio.core import term_search
from evolink_studio.core.admin import ReadOnlyAdmin
from evolink_studio.core.term_search import Meaning, mean_piece
from evolink_studio.library.file_responses import (
    asset_poster_file,
    build_file_response,
    serve_asset_file,
)
from evolink_studio.library.models import Asset, RemoteCopy
from evolink_studio.library.search_index import NAME_INDEX

SHA256_LENGTH = 64
# As `library/media` stores files; asking the table which it has would walk it.
FORMATS = ("jpeg", "png", "webp", "gif", "mp4", "mov", "webm", "mkv", "mp3", "wav", "m4a", "ogg")

_PREVIEW_HTML_BY_KIND = {
    Asset.Kind.IMAGE: '<img src="{file}" alt="{name}" width="640">',
    Asset.Kind.VIDEO: '<video src="{file}" poster="{poster}" controls preload="metadata" '
    'width="640"></video>',
    Asset.Kind.AUDIO: '<audio src="{file}" controls preload="metadata"></audio>',
}


MERGED_FILTERS = {"kind__exact": "kind", "origin__exact": "origin", "file_format": "format"}


class FormatFilter(CheckboxFilter):  # type: ignore[misc]  # unfold has no types
    """By file format, without a query for those in use."""

    title = _("format")
    parameter_name = "file_format"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name.upper()) for name in FORMATS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Asset]) -> QuerySet[Asset]:
        return queryset.filter(format__in=self.value()) if self.value() else queryset


def _list_meanings(term: str) -> Iterator[Meaning]:
    yield mean_piece(term)
    if len(term) == SHA256_LENGTH:
        yield Meaning(Q(sha256=term.lower()))
    yield from mean_people(term, "owner")


@admin.register(Asset)
class AssetAdmin(ReadOnlyAdmin):
    list_display = (
        "thumbnail",
        "name",
        "owner",
        "kind",
        "origin",
        "format",
        "size_text",
        "created_at",
    )
    list_display_links = ("name",)
    list_filter = (
        ("kind", ChoicesCheckboxFilter),
        ("origin", ChoicesCheckboxFilter),
        FormatFilter,
        ("owner", AutocompleteSelectFilter),
        ("created_at", RangeDateTimeFilter),
    )
    list_filter_submit = True
    merged_filters = MERGED_FILTERS
    list_select_related = ("owner",)
    search_fields = ("name",)  # shows the field; `build_search_branches` searches
    search_order = ("-pk",)
    search_help_text = _("Name, person or checksum")
    ordering = ("-created_at", "-id")
    sortable_by = ("created_at", "size_text")
    sorted_alone = ("size_text",)
    fields = (
        "preview",
        "name",
        "owner",
        "kind",
        "origin",
        "format",
        "size_text",
        "width",
        "height",
        "seconds",
        "created_at",
        "sha256",
    )
    readonly_fields = ("preview", "size_text")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Asset]:
        assets: QuerySet[Asset] = super().get_queryset(request)
        return assets.defer("search_text")

    def build_search_branches(self, text: str) -> list[Q]:
        terms = term_search.split_terms(text)
        return term_search.build_branches(terms, _list_meanings, NAME_INDEX)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/file/", view(self.serve_file), name="library_asset_file"),
            path("<int:pk>/poster/", view(self.serve_poster), name="library_asset_poster"),
            *super().get_urls(),
        ]

    def serve_file(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return build_file_response(request, serve_asset_file(self._get_asset_or_404(request, pk)))

    def serve_poster(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        poster_file = asset_poster_file(self._get_asset_or_404(request, pk))
        if poster_file is None:
            raise Http404
        return build_file_response(request, poster_file)

    @admin.display(description=_("preview"))
    def preview(self, asset: Asset) -> SafeString:
        return format_html(
            _PREVIEW_HTML_BY_KIND[Asset.Kind(asset.kind)],
            file=reverse("admin:library_asset_file", args=[asset.pk]),
            poster=reverse("admin:library_asset_poster", args=[asset.pk]),
            name=asset.name,
        )

    @admin.display(description=_("picture"))
    def thumbnail(self, asset: Asset) -> SafeString | str:
        if not asset.poster:
            return "♪"
        url = reverse("admin:library_asset_poster", args=[asset.pk])
        return format_html('<img src="{}" alt="" width="96" loading="lazy">', url)

    @admin.display(description=_("size"), ordering="size_bytes")
    def size_text(self, asset: Asset) -> str:
        return filesizeformat(asset.size_bytes)

    def _get_asset_or_404(self, request: HttpRequest, pk: int) -> Asset:
        if not self.has_view_permission(request):
            raise PermissionDenied
        asset = Asset.objects.filter(pk=pk).first()
        if asset is None:
            raise Http404
        return asset


@admin.register(RemoteCopy)
class RemoteCopyAdmin(ReadOnlyAdmin):
    list_display = ("file_id", "sha256", "provider_key", "expires_at")
    list_filter = ("provider_key", "expires_at")
    search_fields = ("=file_id", "=sha256")
    ordering = ("-expires_at", "-id")
    sortable_by = ("expires_at",)
