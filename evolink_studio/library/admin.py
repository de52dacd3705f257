"""Files in the admin pages: to look at, never to change."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from evolink_studio.core.admin import ReadOnlyAdmin
from evolink_studio.library.file_responses import file_of, poster_of, serve
from evolink_studio.library.models import Asset, RemoteCopy

_PREVIEWS = {
    Asset.Kind.IMAGE: '<img src="{file}" alt="{name}" width="640">',
    Asset.Kind.VIDEO: '<video src="{file}" poster="{poster}" controls preload="metadata" '
    'width="640"></video>',
    Asset.Kind.AUDIO: '<audio src="{file}" controls preload="metadata"></audio>',
}


@admin.register(Asset)
class AssetAdmin(ReadOnlyAdmin):
    list_display = ("thumbnail", "name", "owner", "kind", "origin", "format", "weight", "created")
    list_display_links = ("name",)
    list_filter = ("kind", "origin", "format", "created")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username", "owner__email", "sha256")
    search_help_text = _("Name, person or checksum")
    ordering = ("-created", "-id")
    show_full_result_count = False
    fields = (
        "preview",
        "name",
        "owner",
        "kind",
        "origin",
        "format",
        "weight",
        "width",
        "height",
        "seconds",
        "created",
        "sha256",
    )
    readonly_fields = ("preview", "weight")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Asset]:
        files: QuerySet[Asset] = super().get_queryset(request)
        return files

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/file/", view(self.file), name="library_asset_file"),
            path("<int:pk>/poster/", view(self.poster), name="library_asset_poster"),
            *super().get_urls(),
        ]

    def file(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return serve(request, file_of(self._opened(request, pk)))

    def poster(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        small = poster_of(self._opened(request, pk))
        if small is None:
            raise Http404
        return serve(request, small)

    @admin.display(description=_("preview"))
    def preview(self, asset: Asset) -> SafeString:
        return format_html(
            _PREVIEWS[Asset.Kind(asset.kind)],
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

    @admin.display(description=_("size"), ordering="bytes")
    def weight(self, asset: Asset) -> str:
        return filesizeformat(asset.bytes)

    def _opened(self, request: HttpRequest, pk: int) -> Asset:
        if not self.has_view_permission(request):
            raise PermissionDenied
        asset = Asset.objects.filter(pk=pk).first()
        if asset is None:
            raise Http404
        return asset


@admin.register(RemoteCopy)
class RemoteCopyAdmin(ReadOnlyAdmin):
    list_display = ("file_id", "sha256", "far_end", "expires")
    list_filter = ("far_end", "expires")
    search_fields = ("file_id", "sha256")
    ordering = ("-expires",)
    show_full_result_count = False
