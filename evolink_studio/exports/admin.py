"""Exports in the admin pages: ask for one, see how far it is, download and delete it.

Everybody sees their own; the owner sees all.
"""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from evolink_studio.accounts.models import User
from evolink_studio.core.admin import ReadOnlyAdmin, badge_column, is_owner, is_staff
from evolink_studio.exports import services
from evolink_studio.exports.models import Export
from evolink_studio.exports.presenters import describe_state
from evolink_studio.exports.responses import answer_file
from evolink_studio.exports.sources import ExportSource, find_source

REFRESH_SECONDS = 5  # of the page while a file is being made


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    """Files that the worker makes and keeps for some days."""

    list_display = (
        "filename",
        "source_label",
        "requested_by",
        "state_badge",
        "progress_text",
        "size_text",
        "requested_at",
        "expires_at",
        "download_link",
    )
    list_display_links = None
    list_select_related = ("requested_by",)
    list_before_template = "exports/admin/_about.html"
    ordering = ("-pk",)
    show_full_result_count = False
    list_per_page = 50
    fields = ("filename", "source_label", "requested_by", "state_text", "requested_at")
    readonly_fields = ("source_label", "state_text")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Export]:
        exports: QuerySet[Export] = super().get_queryset(request)
        return exports if is_owner(request) else exports.filter(requested_by=request.user.pk)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_staff(request) and (
            obj is None or is_owner(request) or obj.requested_by_id == request.user.pk
        )

    def delete_model(self, request: HttpRequest, obj: Export) -> None:
        self._delete(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Export]) -> None:
        for export in queryset:
            self._delete(request, export)

    def _delete(self, request: HttpRequest, export: Export) -> None:
        if not services.delete_export(export):
            text = _("{name} could not be deleted now: its store cannot be reached.")
            self.message_user(request, text.format(name=export.filename), messages.ERROR)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("new/", view(self.request_view), name="exports_request"),
            path("<int:pk>/download/", view(self.download_view), name="exports_download"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, extra_context)
        if self.get_queryset(request).filter(next_attempt_at__isnull=False).exists():
            response.headers["Refresh"] = str(REFRESH_SECONDS)
        return response

    def request_view(self, request: HttpRequest) -> HttpResponseBase:
        """Ask the worker for a file: GET says what, POST does it."""
        parameters = request.POST if request.method == "POST" else request.GET
        source, query = find_source(parameters.get("source", "")), parameters.get("query", "")
        if source is None:
            raise Http404
        user = request.user
        assert isinstance(user, User)
        if not source.may_be_read_by(user):
            raise PermissionDenied
        source.build_rows(user, query)  # raises InvalidQuery, which is answered with 400
        if request.method == "POST":
            return self._request_export(request, user, source, query)
        context = {
            **self.admin_site.each_context(request),
            "title": _("A long list as a file"),
            "source": source,
            "query": query,
            "filename": source.build_filename(query),
            "kept_days": services.KEPT_FOR.days,
            "page_url": f"{reverse(source.page_url_name)}?{query}",
        }
        return TemplateResponse(request, "exports/admin/request.html", context)

    def _request_export(
        self, request: HttpRequest, user: User, source: ExportSource, query: str
    ) -> HttpResponseRedirect:
        export, is_new = services.request_export(
            user=user,
            source=source,
            query=query,
            language=get_language() or "en",
            now=timezone.now(),
        )
        if is_new:
            self.log_addition(request, export, _("Asked for {name}.").format(name=export.filename))
        text = (
            _("The worker makes {name} now. A number beside “Exports” says when it is ready.")
            if is_new
            else _("The worker makes {name} already.")
        )
        self.message_user(request, text.format(name=export.filename), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:exports_export_changelist"))

    def download_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The file, to who asked for it or the owner."""
        export = self.get_queryset(request).filter(pk=pk, state=Export.State.READY).first()
        if export is None:
            raise Http404
        user, source = request.user, find_source(export.source)
        assert isinstance(user, User)
        if source is None or not source.may_be_read_by(user):
            raise PermissionDenied
        response = answer_file(request, export)
        services.record_download(export, user=user, now=timezone.now())
        return response

    @admin.display(description=gettext_lazy("list"))
    def source_label(self, export: Export) -> str:
        source = find_source(export.source)
        return export.source if source is None else str(source.label)

    @badge_column(
        gettext_lazy("state"),
        {"waiting": "default", "running": "info", "ready": "success", "failed": "danger"},
        "state",
    )
    def state_badge(self, export: Export) -> tuple[str, str]:
        return export.state, export.get_state_display()

    @admin.display(description=gettext_lazy("state"))
    def state_text(self, export: Export) -> str:
        return describe_state(export)

    @admin.display(description=gettext_lazy("progress"))
    def progress_text(self, export: Export) -> str:
        return describe_state(export)

    @admin.display(description=gettext_lazy("size"), ordering="size_bytes")
    def size_text(self, export: Export) -> str:
        return "–" if export.size_bytes is None else filesizeformat(export.size_bytes)

    @admin.display(description=gettext_lazy("file"))
    def download_link(self, export: Export) -> SafeString | str:
        if export.state != Export.State.READY:
            return "–"
        url = reverse("admin:exports_download", args=[export.pk])
        return format_html(
            '<a class="studio-link" href="{}" aria-label="{}">{}</a>',
            url,
            _("Download {name}").format(name=export.filename),
            _("Download"),
        )


def export_badge(request: HttpRequest) -> str:
    """How many of one's files are ready and were not downloaded yet, for the sidebar; "" for none.

    One query.
    """
    count = Export.objects.filter(
        requested_by=request.user.pk, state=Export.State.READY, downloaded_at=None
    ).count()
    return number_format(count, force_grouping=True) if count else ""
