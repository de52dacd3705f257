"""The log of callbacks: what came, what was refused, and reading those generations again."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesCheckboxFilter, RangeDateTimeFilter

from evolink_studio.core.admin import ReadOnlyAdmin, coloured
from evolink_studio.generations.accounting import page_of
from evolink_studio.generations.admin.actions import look_at
from evolink_studio.generations.admin.columns import STATE_COLOURS
from evolink_studio.generations.models import Delivery, Generation


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Nothing a callback says is believed; it only makes the worker read the task."""

    list_display = ("moment", "number", "state", "says", "task_named", "bytes", "heard")
    list_filter = (
        ("refused", ChoicesCheckboxFilter),
        ("generation__state", ChoicesCheckboxFilter),
        ("at", RangeDateTimeFilter),
    )
    list_filter_submit = True
    list_fullwidth = True
    list_select_related = ("generation",)
    search_fields = ("=generation__pk", "=task_named", "=generation__task_id")
    search_help_text = gettext_lazy("Number of a generation, or a task id")
    ordering = ("-at", "-pk")
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0
    actions = ("read_again",)

    @admin.display(description=gettext_lazy("at"))
    def moment(self, delivery: Delivery) -> str:
        at = timezone.localtime(delivery.at)
        return f"{date_format(at, 'SHORT_DATE_FORMAT')}, {date_format(at, 'TIME_FORMAT')}"

    @admin.display(description=gettext_lazy("generation"))
    def number(self, delivery: Delivery) -> SafeString:
        page = page_of(delivery.generation_id)
        return format_html('<a class="studio-link" href="{}">#{}</a>', page, delivery.generation_id)

    @coloured(gettext_lazy("state"), STATE_COLOURS)
    def state(self, delivery: Delivery) -> tuple[str, str]:
        return delivery.generation.state, delivery.generation.get_state_display()

    @admin.display(description=gettext_lazy("bytes"))
    def bytes(self, delivery: Delivery) -> str:
        return number_format(delivery.size, force_grouping=True)

    @coloured(gettext_lazy("listened to"), {"yes": "success", "no": "danger"})
    def heard(self, delivery: Delivery) -> tuple[str, str]:
        if not delivery.refused:
            return "yes", _("yes")
        return "no", _("no: {why}").format(why=delivery.get_refused_display())

    @admin.action(description=gettext_lazy("Read their tasks again now"), permissions=["view"])
    def read_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Ask EvoLink with our own key how the generations of these callbacks stand."""
        called = queryset.order_by().values("generation")
        look_at(request, Generation.objects.filter(pk__in=called))
