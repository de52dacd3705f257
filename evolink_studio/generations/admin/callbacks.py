"""The log of callbacks, with an action that reads their tasks again."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import (
    CheckboxFilter,
    ChoicesCheckboxFilter,
    RangeDateTimeFilter,
)

from evolink_studio.core import term_search
from evolink_studio.core.admin import ReadOnlyAdmin, badge_column
from evolink_studio.core.database import parse_id
from evolink_studio.core.term_search import Meaning
from evolink_studio.generations.admin.actions import refresh_selected
from evolink_studio.generations.admin.columns import STATE_COLOURS
from evolink_studio.generations.models import CallbackDelivery, Generation
from evolink_studio.generations.states import State


def _list_meanings(term: str) -> Iterator[Meaning]:
    number = parse_id(term.removeprefix("#"))
    if number is not None:
        yield Meaning(Q(generation=number))
    yield Meaning(Q(reported_task_id=term))
    generations = Generation.objects.filter(task_id=term).values_list("pk", flat=True)
    yield from (Meaning(Q(generation=pk)) for pk in generations)


# Most callbacks are about these: the newest are walked through until a page is full.
_USUAL_STATES = frozenset({State.COMPLETED, State.FAILED})


class GenerationStateFilter(CheckboxFilter):  # type: ignore[misc]  # unfold has no types
    """By the state of their generations."""

    title = gettext_lazy("state")
    parameter_name = "generation_state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in State.choices]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[CallbackDelivery]
    ) -> QuerySet[CallbackDelivery]:
        states = set(self.value() or ())
        if not states:
            return queryset
        condition = Q(pk__in=[])
        if usual_states := states & _USUAL_STATES:
            about = Generation.objects.filter(pk=OuterRef("generation"), state__in=usual_states)
            condition |= Q(Exists(about))
        if rare_states := states - _USUAL_STATES:
            generations = Generation.objects.filter(state__in=rare_states).order_by()
            condition |= Q(generation__in=generations.values("pk"))
        return queryset.filter(condition)


@admin.register(CallbackDelivery)
class CallbackDeliveryAdmin(ReadOnlyAdmin):
    """Read only. Nothing a callback says is trusted; it only makes the worker read the task."""

    list_display = (
        "received_text",
        "generation_link",
        "state_badge",
        "reported_status",
        "reported_task_id",
        "size_text",
        "accepted_badge",
    )
    list_filter = (
        ("rejection", ChoicesCheckboxFilter),
        GenerationStateFilter,
        ("received_at", RangeDateTimeFilter),
    )
    list_filter_submit = True
    list_fullwidth = True
    list_select_related = ("generation",)
    merged_filters = {"rejection__exact": "rejection"}
    search_fields = ("generation__pk",)  # shows the field; `build_search_branches` searches

    def build_search_branches(self, text: str) -> list[Q]:
        return term_search.build_branches(term_search.split_terms(text), _list_meanings)

    search_help_text = gettext_lazy("Number of a generation, or a task id")
    ordering = ("-received_at", "-pk")
    sortable_by = ("received_text",)
    actions = ("refresh_generations",)

    @admin.display(description=gettext_lazy("at"), ordering="received_at")
    def received_text(self, delivery: CallbackDelivery) -> str:
        received_at = timezone.localtime(delivery.received_at)
        date_text = date_format(received_at, "SHORT_DATE_FORMAT")
        return f"{date_text}, {date_format(received_at, 'TIME_FORMAT')}"

    @admin.display(description=gettext_lazy("generation"))
    def generation_link(self, delivery: CallbackDelivery) -> SafeString:
        url = Generation(pk=delivery.generation_id).get_admin_url()
        return format_html('<a class="studio-link" href="{}">#{}</a>', url, delivery.generation_id)

    @badge_column(gettext_lazy("state"), STATE_COLOURS)
    def state_badge(self, delivery: CallbackDelivery) -> tuple[str, str]:
        return delivery.generation.state, delivery.generation.get_state_display()

    @admin.display(description=gettext_lazy("bytes"))
    def size_text(self, delivery: CallbackDelivery) -> str:
        return number_format(delivery.size_bytes, force_grouping=True)

    @badge_column(gettext_lazy("listened to"), {"yes": "success", "no": "danger"})
    def accepted_badge(self, delivery: CallbackDelivery) -> tuple[str, str]:
        if not delivery.rejection:
            return "yes", _("yes")
        return "no", _("no: {why}").format(why=delivery.get_rejection_display())

    @admin.action(description=gettext_lazy("Read their tasks again now"), permissions=["view"])
    def refresh_generations(
        self, request: HttpRequest, queryset: QuerySet[CallbackDelivery]
    ) -> None:
        """Read the tasks of these callbacks with our own key."""
        generation_ids = queryset.order_by().values("generation")
        refresh_selected(request, Generation.objects.filter(pk__in=generation_ids))
